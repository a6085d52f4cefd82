// The sampled product: values = alpha*(D1*D2) + beta*values at the stored blocks of a pattern, as the gradient of a
// block-sparse weight is: dW = dY^T*X.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <bsk/bsr.h>
#include <bsk/types.h>

namespace bsk {

/// D1 m x n, D2 n x k, both of the dtype of the m x k pattern.
struct SddmmProblem {
    std::int64_t n = 0;
    DType values_dtype = DType::f16;  ///< that dtype, or f32
    Layout d1_layout = Layout::row_major;
    Layout d2_layout = Layout::row_major;
    std::int64_t ld1 = 0;  ///< in elements; 0 stands for the tightest
    std::int64_t ld2 = 0;
};

struct SddmmState;

/// Shareable, immutable. Owns int32 copies of the index arrays and the order of work on its device. Usable from any thread
/// and on any stream of its device.
class BSK_API SddmmPlan {
public:
    explicit SddmmPlan(std::shared_ptr<const SddmmState> state) : state_(std::move(state)) {}

    [[nodiscard]] std::string kernel() const;         ///< name of the chosen kernel
    [[nodiscard]] std::string explain() const;        ///< what was chosen and why, several lines
    [[nodiscard]] double predicted_seconds() const;   ///< by the cost model; 0: there is none
    [[nodiscard]] std::int64_t memory_bytes() const;  ///< held on the device by the plan
    [[nodiscard]] Device device() const;
    [[nodiscard]] const SddmmProblem& problem() const;
    [[nodiscard]] const SddmmState& state() const { return *state_; }

private:
    std::shared_ptr<const SddmmState> state_;
};

/// Plans sampled products at the pattern of `a` (values are not read and may be null; its dtype is that of D1 and D2) on
/// `device`. As make_plan in all else. `kernel` names the kernel to use, e.g. "sddmm_sm80"; empty lets the planner choose.
/// @throws Error invalid_argument, invalid_pattern, dtype_mismatch, too_large, unsupported, out_of_memory,
/// cuda_error.
[[nodiscard]] BSK_API SddmmPlan make_sddmm_plan(const BsrView& a, const SddmmProblem& problem, Device device,
                                                const std::string& kernel = "");

/// Launches values = alpha*(D1*D2) + beta*values and returns: no synchronisation, legal inside CUDA-graph capture; room
/// for partial sums comes from the library's pool in the order of `stream`. On a CPU plan it computes before it returns.
///
/// Sums accumulate in fp32 and round once; with beta = 0 the values are not read. Padding of blocks at the edges counts as
/// products of zeros, so it stays zero. Results are bitwise the same from run to run for one plan.
///
/// @param d1      m x n, layout and ld of the plan
/// @param d2      n x k
/// @param values  [nnzb, block_m, block_k] of values_dtype in the order of the pattern, on the plan's device; apart from
///                D1 and D2; 16-byte aligned on CUDA
/// @throws Error invalid_argument (shape, layout, ld, overlap), dtype_mismatch, device_mismatch, misaligned, cuda_error.
/// The values are untouched then.
BSK_API void sddmm(const SddmmPlan& plan, const ConstMatrixView& d1, const ConstMatrixView& d2, void* values,
                   float alpha = 1.0F, float beta = 0.0F, Stream stream = nullptr);

}  // namespace bsk
