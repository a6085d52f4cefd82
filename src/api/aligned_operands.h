// Operands that kernels cannot read or write where they are, or not fast, in stream-ordered copies.
#pragma once

#include <optional>

#include "api/plan_state.h"
#include "base/stream_buffer.h"
#include "kernels/lines/copy_lines.h"

namespace bsk {

class AlignedOperands {
public:
    /// Copies what `plan` says is copied (HostPlan::transposes_b, copies_b, copies_c), C and the residual only where they
    /// are read, and lets `launch` point to the copies. All on `stream`.
    AlignedOperands(const HostPlan& plan, SpmmLaunch& launch, Stream stream);

    /// Enqueues the copy of the result to where the caller wants C.
    void finish() const;

private:
    Stream stream_;
    std::optional<StreamBuffer> b_;
    std::optional<StreamBuffer> c_;
    std::optional<StreamBuffer> residual_;
    void* c_target_ = nullptr;  ///< the caller's C
    Lines c_lines_;
    std::int64_t batch_ = 1;
    LineStrides c_strides_;       ///< of the caller's C
    LineStrides c_copy_strides_;  ///< of the copy
    int c_element_bytes_ = 0;
};

}  // namespace bsk
