#include "bench/cusparse_spmm.h"

#include "base/check.h"
#include "base/cuda_data_type.h"

namespace bsk::bench {
namespace {

constexpr float kAlpha = 1;
constexpr float kBeta = 0;

int order_of(Layout layout) {
    return layout == Layout::row_major ? CusparseApi::kOrderRow : CusparseApi::kOrderCol;
}

}  // namespace

void CusparseApi::check(int status, const char* call) const {
    require(status == 0, ErrorCode::unsupported, "{} failed: {}.", call, error_string(status));
}

CusparseSpmm::~CusparseSpmm() {
    if (handle_ == nullptr) {
        return;
    }
    for (const void* dense : {b_, c_}) {
        if (dense != nullptr) {
            api_->destroy_dense(dense);
        }
    }
    if (a_ != nullptr) {
        api_->destroy_sparse(a_);
    }
    api_->destroy(handle_);
}

void CusparseSpmm::prepare(const Case& problem) {
    api_.emplace();
    api_->check(api_->create(&handle_), "cusparseCreate");
    api_->check(api_->version(handle_, &version_), "cusparseGetVersion");
    a_ = create_sparse(*api_, problem);
    algorithm_ = algorithm(problem);

    const ConstMatrixView b = problem.b();
    const MatrixView c = problem.c();
    api_->check(api_->create_dense(&b_, b.rows, b.cols, b.ld, const_cast<void*>(b.data),
                                   cuda_data_type(b.dtype), order_of(b.layout)),
                "cusparseCreateDnMat");
    api_->check(
        api_->create_dense(&c_, c.rows, c.cols, c.ld, c.data, cuda_data_type(c.dtype), order_of(c.layout)),
        "cusparseCreateDnMat");

    constexpr int op = CusparseApi::kOperationNonTranspose;
    std::size_t bytes = 0;
    api_->check(
        api_->buffer_size(handle_, op, op, &kAlpha, a_, b_, &kBeta, c_, CUDA_R_32F, algorithm_, &bytes),
        "cusparseSpMM_bufferSize");
    buffer_ = DeviceBuffer(bytes);
    if (preprocesses()) {
        api_->check(api_->preprocess(handle_, op, op, &kAlpha, a_, b_, &kBeta, c_, CUDA_R_32F, algorithm_,
                                     buffer_.as<void>()),
                    "cusparseSpMM_preprocess");
    }
}

void CusparseSpmm::launch(Stream stream) {
    if (stream != stream_) {
        api_->check(api_->set_stream(handle_, static_cast<cudaStream_t>(stream)), "cusparseSetStream");
        stream_ = stream;
    }
    constexpr int op = CusparseApi::kOperationNonTranspose;
    api_->check(
        api_->spmm(handle_, op, op, &kAlpha, a_, b_, &kBeta, c_, CUDA_R_32F, algorithm_, buffer_.as<void>()),
        "cusparseSpMM");
}

std::string CusparseSpmm::configuration() const {
    return fmt::format("algorithm {}, fp32 compute, {} bytes of buffer{}, cuSPARSE {}", algorithm_,
                       buffer_.bytes(), preprocesses() ? ", preprocessed" : "", version_);
}

void require_whole_blocks(const BsrMatrix& a) {
    require(a.m % a.block_m == 0 && a.k % a.block_k == 0, ErrorCode::unsupported,
            "cuSPARSE takes whole blocks only, and {} x {} is not a multiple of {} x {}.", a.m, a.k,
            a.block_m, a.block_k);
}

}  // namespace bsk::bench
