// Operands that kernels cannot read or write where they are, or not fast, in stream-ordered copies.
#pragma once

#include <optional>

#include "api/plan_state.h"
#include "base/stream_buffer.h"
#include "kernels/lines/copy_lines.h"

namespace bsk {

class AlignedOperands {
public:
    /// Copies what `plan` says is copied (HostPlan::transposes_b, copies_b, copies_c, stores_c_by_threads), the residual only where
    /// it is read, and lets `launch` point to the copies, which live as long as this. All on `stream`.
    AlignedOperands(const HostPlan& plan, SpmmLaunch& launch, Stream stream);

    /// Enqueues the copy of the result to where the caller wants C.
    void finish() const;

private:
    void take_b(const HostPlan& plan, SpmmLaunch& launch);
    void take_c(const HostPlan& plan, SpmmLaunch& launch);

    Stream stream_;
    std::optional<StreamBuffer> b_;
    std::optional<StreamBuffer> c_;
    std::optional<StreamBuffer> residual_;
    void* c_target_ = nullptr;  ///< the caller's C
    Lines c_lines_;
    std::int64_t batch_ = 1;
    LineStrides c_strides_;       ///< of the caller's C
    LineStrides c_copy_strides_;  ///< of copies of C and the residual
    int c_element_bytes_ = 0;
};

}  // namespace bsk
