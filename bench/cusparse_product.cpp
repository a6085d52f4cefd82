#include "bench/cusparse_product.h"

#include "base/check.h"
#include "base/cuda_data_type.h"

namespace bsk::bench {
namespace {

constexpr float kAlpha = 1;
constexpr float kBeta = 0;

int order_of(Layout layout) {
    return layout == Layout::row_major ? CusparseApi::kOrderRow : CusparseApi::kOrderCol;
}

/// BSR and Blocked-ELL know no ragged edge.
void require_whole_blocks(std::int64_t m, std::int64_t k, std::int64_t block_m, std::int64_t block_k) {
    require(m % block_m == 0 && k % block_k == 0, ErrorCode::unsupported,
            "cuSPARSE takes whole blocks only, and {} x {} is not a multiple of {} x {}.", m, k, block_m,
            block_k);
}

}  // namespace

void CusparseApi::check(int status, const char* call) const {
    require(status == 0, ErrorCode::unsupported, "{} failed: {}.", call, error_string(status));
}

CusparseProduct::CusparseProduct() {
    api_.check(api_.create(&handle_), "cusparseCreate");
    api_.check(api_.version(handle_, &version_), "cusparseGetVersion");
}

CusparseProduct::~CusparseProduct() {
    for (const void* dense : {b_, c_}) {
        if (dense != nullptr) {
            api_.destroy_dense(dense);
        }
    }
    if (a_ != nullptr) {
        api_.destroy_sparse(a_);
    }
    if (handle_ != nullptr) {
        api_.destroy(handle_);
    }
}

void CusparseProduct::describe_csr(std::int64_t m, std::int64_t k, std::int64_t nnz, DType dtype,
                                   void* crow_indices, void* col_indices, void* values) {
    using Create =
        int(void** matrix, std::int64_t rows, std::int64_t cols, std::int64_t nnz, void* crow_indices,
            void* col_indices, void* values, int crow_type, int col_type, int base, cudaDataType_t type);
    api_.check(api_.library.function<Create>("cusparseCreateCsr")(
                   &a_, m, k, nnz, crow_indices, col_indices, values, CusparseApi::kIndex32I,
                   CusparseApi::kIndex32I, CusparseApi::kIndexBaseZero, cuda_data_type(dtype)),
               "cusparseCreateCsr");
    algorithm_ = CusparseApi::kSpmmCsr2;
    preprocesses_ = true;
}

void CusparseProduct::describe_bsr(const BsrView& a) {
    require_whole_blocks(a.m, a.k, a.block_m, a.block_k);
    using Create = int(void** matrix, std::int64_t block_rows, std::int64_t block_cols, std::int64_t nnzb,
                       std::int64_t block_m, std::int64_t block_k, void* crow_indices, void* col_indices,
                       void* values, int crow_type, int col_type, int base, cudaDataType_t type, int order);
    api_.check(api_.library.function<Create>("cusparseCreateBsr")(
                   &a_, a.block_rows(), a.block_cols(), a.nnzb, a.block_m, a.block_k,
                   const_cast<void*>(a.crow_indices), const_cast<void*>(a.col_indices),
                   const_cast<void*>(a.values), CusparseApi::kIndex32I, CusparseApi::kIndex32I,
                   CusparseApi::kIndexBaseZero, cuda_data_type(a.dtype), CusparseApi::kOrderRow),
               "cusparseCreateBsr");
}

void CusparseProduct::describe_blocked_ell(const BlockedEllView& a) {
    require_whole_blocks(a.m, a.k, a.block, a.block);
    using Create =
        int(void** matrix, std::int64_t rows, std::int64_t cols, std::int64_t block, std::int64_t ell_cols,
            void* col_indices, void* values, int index_type, int base, cudaDataType_t type);
    api_.check(api_.library.function<Create>("cusparseCreateBlockedEll")(
                   &a_, a.m, a.k, a.block, a.width * a.block, const_cast<std::int32_t*>(a.col_indices),
                   const_cast<void*>(a.values), CusparseApi::kIndex32I, CusparseApi::kIndexBaseZero,
                   cuda_data_type(a.dtype)),
               "cusparseCreateBlockedEll");
}

void CusparseProduct::prepare(const ConstMatrixView& b, const MatrixView& c) {
    api_.check(api_.create_dense(&b_, b.rows, b.cols, b.ld, const_cast<void*>(b.data),
                                 cuda_data_type(b.dtype), order_of(b.layout)),
               "cusparseCreateDnMat");
    api_.check(
        api_.create_dense(&c_, c.rows, c.cols, c.ld, c.data, cuda_data_type(c.dtype), order_of(c.layout)),
        "cusparseCreateDnMat");
    constexpr int op = CusparseApi::kOperationNonTranspose;
    std::size_t bytes = 0;
    api_.check(api_.buffer_size(handle_, op, op, &kAlpha, a_, b_, &kBeta, c_, CUDA_R_32F, algorithm_, &bytes),
               "cusparseSpMM_bufferSize");
    buffer_ = DeviceBuffer(bytes);
    if (preprocesses_) {
        api_.check(api_.preprocess(handle_, op, op, &kAlpha, a_, b_, &kBeta, c_, CUDA_R_32F, algorithm_,
                                   buffer_.as<void>()),
                   "cusparseSpMM_preprocess");
    }
}

void CusparseProduct::launch(Stream stream) {
    if (stream != stream_) {
        api_.check(api_.set_stream(handle_, static_cast<cudaStream_t>(stream)), "cusparseSetStream");
        stream_ = stream;
    }
    constexpr int op = CusparseApi::kOperationNonTranspose;
    api_.check(
        api_.spmm(handle_, op, op, &kAlpha, a_, b_, &kBeta, c_, CUDA_R_32F, algorithm_, buffer_.as<void>()),
        "cusparseSpMM");
}

std::string CusparseProduct::configuration() const {
    return fmt::format("algorithm {}, fp32 compute, {} bytes of buffer{}, cuSPARSE {}", algorithm_,
                       buffer_.bytes(), preprocesses_ ? ", preprocessed" : "", version_);
}

}  // namespace bsk::bench
