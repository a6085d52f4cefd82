// A plan: how one sparse pattern is multiplied by dense matrices of one shape on one device. Making it
// validates, thinks, allocates and may synchronise; running it (spmm.h) only launches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <bsk/bsr.h>
#include <bsk/device.h>
#include <bsk/types.h>

namespace bsk {

/// The dense side of C = alpha*A*B + beta*C: A m x k (BSR), B k x n, C m x n; or a batch of such products with one A.
/// With transpose_a it is C = alpha*A^T*B + beta*C, with B m x n and C k x n.
struct SpmmProblem {
    std::int64_t n = 0;
    DType c_dtype = DType::f16;  ///< A's dtype, or f32
    Layout b_layout = Layout::row_major;
    Layout c_layout = Layout::row_major;
    std::int64_t ldb = 0;  ///< in elements; 0 stands for the tightest
    std::int64_t ldc = 0;
    std::int64_t batch = 1;     ///< products: batch matrices B, as many matrices C
    std::int64_t stride_b = 0;  ///< elements from one B to the next; 0 stands for the tightest
    std::int64_t stride_c = 0;
    /// Multiply by A^T, from the values of A as they are stored. Not together with PlanOptions::dynamic.
    bool transpose_a = false;
};

/// What the planner may choose from.
enum class Policy : int {
    /// This library's kernels. They read stored blocks only: an infinity or NaN in B reaches no row of C through
    /// a block that is not stored.
    sparse = 0,
    /// And cuBLAS on A expanded to a dense matrix, where it is installed and predicted to be faster. There a
    /// block that is not stored is zeros, and zero times infinity is NaN. Takes m*k*2 bytes more on the device.
    automatic = 1,
};

struct PlanOptions {
    /// Kernel to use, e.g. "spmm_sm80"; empty lets the planner choose. @see kernel_support
    std::string kernel;
    Policy policy = Policy::sparse;  ///< of no matter where a kernel is named
    /// Says that products will take values packed once (pack_values), so that the time of packing does not count
    /// in the choice. Else kernels that need packed values pack them in every product.
    bool packed_values = false;
    /// replan() may replace the pattern. Kernels whose order of work only the host can make are left out.
    bool dynamic = false;
};

struct PlanState;

/// Shareable, immutable but for replan(); copies refer to one plan. Owns int32 copies of the index arrays and
/// the order of work on its device. Usable for any values of the same pattern, from any thread and on any
/// stream of its device.
class BSK_API Plan {
public:
    explicit Plan(std::shared_ptr<const PlanState> state) : state_(std::move(state)) {}

    [[nodiscard]] const std::string& kernel() const;  ///< name of the chosen kernel
    [[nodiscard]] std::string explain() const;        ///< what was chosen and why, several lines
    [[nodiscard]] double predicted_seconds() const;   ///< by the cost model, for one product
    [[nodiscard]] std::int64_t memory_bytes() const;  ///< held on the device by the plan
    /// Bytes of A's values in the form this plan's kernel reads; 0 where it reads them as they are. @see packed.h
    [[nodiscard]] std::int64_t packed_bytes() const;
    [[nodiscard]] Device device() const;
    [[nodiscard]] const SpmmProblem& problem() const;
    [[nodiscard]] const PlanState& state() const { return *state_; }

private:
    std::shared_ptr<const PlanState> state_;
};

/// Plans products of `a` (its pattern; values are not read and may be null) on `device`. The index arrays may
/// live on the host or on `device`; they are copied, so the caller's may change or go afterwards.
/// Synchronises with the legacy default stream of `device`.
/// @throws Error invalid_argument, invalid_pattern, dtype_mismatch, too_large, unsupported, out_of_memory,
/// cuda_error.
[[nodiscard]] BSK_API Plan make_plan(const BsrView& a, const SpmmProblem& problem, Device device,
                                     const PlanOptions& options = {});

/// Replaces the pattern of a plan made with PlanOptions::dynamic by that of `a`: the same m, k, block and nnzb,
/// index arrays on the plan's device. On CUDA it launches on `stream` and returns: no allocation, no
/// synchronisation, legal inside CUDA-graph capture. Products launched on `stream` afterwards have the new
/// pattern. No product of this plan may run on another stream meanwhile: order them by events, before and
/// behind. Kernel and tiles stay those of the first pattern, as does what the plan says of itself.
///
/// Nothing about the indices can be reported from the device: one that is out of range is replaced by the
/// nearest in range, so that a malformed pattern gives wrong numbers but touches no memory it should not. A CPU
/// plan validates the pattern, which may lie on the host only, and has it when this returns.
/// @throws Error invalid_argument (the plan is not dynamic, or sizes differ), device_mismatch, cuda_error;
/// invalid_pattern on the CPU.
BSK_API void replan(const Plan& plan, const BsrView& a, Stream stream = nullptr);

/// What a plan would be.
struct PlanPreview {
    std::string kernel;
    std::string explanation;       ///< as Plan::explain()
    double predicted_seconds = 0;  ///< by the cost model, for one product
};

/// What make_plan would choose on a device that need not be present; `a` must be a host view.
/// @throws Error as make_plan, but for out_of_memory and cuda_error.
[[nodiscard]] BSK_API PlanPreview preview_plan(const BsrView& a, const SpmmProblem& problem,
                                               const DeviceModel& device, const PlanOptions& options = {});

}  // namespace bsk
