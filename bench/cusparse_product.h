// One product by cuSPARSE's generic SpMM, loaded at run time. The formats of A differ in their description only.
// Prototypes and enumerators follow "cuSPARSE, Generic APIs" of the CUDA 13 documentation (cusparse.h 12.6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <cuda_runtime_api.h>
#include <library_types.h>

#include <bsk/bsr.h>
#include <bsk/types.h>

#include "base/cuda.h"
#include "base/dynamic_library.h"

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

/// A in Blocked-ELL form on the device: every block row holds as many blocks as the longest, padded with column -1
/// and zeros (cuSPARSE multiplies padding as block column 0, so the zeros matter).
struct BlockedEllView {
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::int64_t block = 0;
    std::int64_t width = 0;  ///< blocks of a block row
    DType dtype = DType::f16;
    const std::int32_t* col_indices = nullptr;  ///< [m / block, width]
    const void* values = nullptr;  ///< [m, width * block] row-major: a row's elements lie together
};

/// Describe A first, then prepare(), then launch(). What the views point to must outlive this object.
class CusparseProduct {
public:
    CusparseProduct();
    ~CusparseProduct();
    CusparseProduct(const CusparseProduct&) = delete;
    CusparseProduct& operator=(const CusparseProduct&) = delete;

    /// int32 indices; ALG2, which the documentation advises for row-major dense matrices, and preprocessing.
    void describe_csr(std::int64_t m, std::int64_t k, std::int64_t nnz, DType dtype, void* crow_indices,
                      void* col_indices, void* values);
    void describe_bsr(const BsrView& a);
    void describe_blocked_ell(const BlockedEllView& a);

    void prepare(const ConstMatrixView& b, const MatrixView& c);
    void launch(Stream stream);
    [[nodiscard]] std::string configuration() const;

private:
    CusparseApi api_;
    void* handle_ = nullptr;
    void* a_ = nullptr;
    void* b_ = nullptr;
    void* c_ = nullptr;
    int version_ = 0;
    int algorithm_ = CusparseApi::kSpmmDefault;
    bool preprocesses_ = false;
    Stream stream_ = nullptr;
    DeviceBuffer buffer_;
};

}  // namespace bsk::bench
