// cuSPARSE's generic SpMM, loaded at run time. Its users differ in the format of A only.
// Prototypes and enumerators follow "cuSPARSE, Generic APIs" of the CUDA 13 documentation (cusparse.h 12.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <cuda_runtime_api.h>
#include <library_types.h>

#include "base/cuda.h"
#include "base/dynamic_library.h"
#include "bench/implementation.h"

namespace bsk::bench {

/// The functions used. Handle and descriptors are opaque, cusparseStatus_t and the enumerations are int.
struct CusparseApi {
    static constexpr int kOperationNonTranspose = 0;  // CUSPARSE_OPERATION_NON_TRANSPOSE
    static constexpr int kIndex32I = 2;               // CUSPARSE_INDEX_32I
    static constexpr int kIndexBaseZero = 0;          // CUSPARSE_INDEX_BASE_ZERO
    static constexpr int kOrderCol = 1;               // CUSPARSE_ORDER_COL
    static constexpr int kOrderRow = 2;               // CUSPARSE_ORDER_ROW
    static constexpr int kSpmmDefault = 0;            // CUSPARSE_SPMM_ALG_DEFAULT
    static constexpr int kSpmmCsr2 = 6;               // CUSPARSE_SPMM_CSR_ALG2

    DynamicLibrary library{"cuSPARSE", {"libcusparse.so.12", "libcusparse.so"}};
    int (*create)(void** handle) = library.function<int(void**)>("cusparseCreate");
    int (*destroy)(void* handle) = library.function<int(void*)>("cusparseDestroy");
    int (*version)(void* handle, int* version) = library.function<int(void*, int*)>("cusparseGetVersion");
    int (*set_stream)(void* handle,
                      cudaStream_t stream) = library.function<int(void*, cudaStream_t)>("cusparseSetStream");
    const char* (*error_string)(int status) = library.function<const char*(int)>("cusparseGetErrorString");
    int (*destroy_sparse)(const void* matrix) = library.function<int(const void*)>("cusparseDestroySpMat");
    int (*destroy_dense)(const void* matrix) = library.function<int(const void*)>("cusparseDestroyDnMat");
    using CreateDense = int(void** matrix, std::int64_t rows, std::int64_t cols, std::int64_t ld,
                            void* values, cudaDataType_t type, int order);
    CreateDense* create_dense = library.function<CreateDense>("cusparseCreateDnMat");
    using BufferSize = int(void* handle, int op_a, int op_b, const void* alpha, const void* a, const void* b,
                           const void* beta, void* c, cudaDataType_t compute, int algorithm,
                           std::size_t* bytes);
    BufferSize* buffer_size = library.function<BufferSize>("cusparseSpMM_bufferSize");
    using Spmm = int(void* handle, int op_a, int op_b, const void* alpha, const void* a, const void* b,
                     const void* beta, void* c, cudaDataType_t compute, int algorithm, void* buffer);
    Spmm* preprocess = library.function<Spmm>("cusparseSpMM_preprocess");
    Spmm* spmm = library.function<Spmm>("cusparseSpMM");

    /// @throws Error unsupported with the status in words.
    void check(int status, const char* call) const;
};

class CusparseSpmm : public Implementation {
public:
    ~CusparseSpmm() override;
    void prepare(const Case& problem) final;
    void launch(Stream stream) final;
    [[nodiscard]] std::string kernel() const final { return "cusparseSpMM"; }
    [[nodiscard]] std::string configuration() const final;

protected:
    /// Uploads A in the format and describes it; it keeps what it uploads.
    /// @throws Error that says why the format cannot hold this A.
    [[nodiscard]] virtual void* create_sparse(const CusparseApi& api, const Case& problem) = 0;
    /// One of CusparseApi's algorithms.
    [[nodiscard]] virtual int algorithm(const Case&) const { return CusparseApi::kSpmmDefault; }
    /// Whether cusparseSpMM_preprocess is offered for the format.
    [[nodiscard]] virtual bool preprocesses() const { return false; }

private:
    std::optional<CusparseApi> api_;
    void* handle_ = nullptr;
    void* a_ = nullptr;
    void* b_ = nullptr;
    void* c_ = nullptr;
    int version_ = 0;
    int algorithm_ = 0;
    Stream stream_ = nullptr;
    DeviceBuffer buffer_;
};

/// @throws Error unsupported unless m and k are multiples of the block: these formats know no ragged edge.
void require_whole_blocks(const BsrMatrix& a);

}  // namespace bsk::bench
