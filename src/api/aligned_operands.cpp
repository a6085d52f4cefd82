#include "api/aligned_operands.h"

#include <algorithm>

#include "base/math.h"
#include "kernels/lines/transpose.h"

namespace bsk {

namespace {

constexpr std::int64_t kLineBytes = 128;  // lines of copies start at multiples of it

LineStrides padded(const Lines& lines, std::int64_t element_bytes) {
    // Strides of tensor maps are not 0, also where the matrix is empty.
    const std::int64_t line = round_up(std::max<std::int64_t>(lines.length, 1), kLineBytes / element_bytes);
    return {line, line * std::max<std::int64_t>(lines.count, 1)};
}

std::size_t bytes_of(const LineStrides& strides, std::int64_t batch, std::int64_t element_bytes) {
    return static_cast<std::size_t>(strides.matrix * batch * element_bytes);
}

}  // namespace

AlignedOperands::AlignedOperands(const HostPlan& plan, SpmmLaunch& launch, Stream stream) : stream_(stream) {
    if (plan.copies_b || plan.transposes_b) {
        take_b(plan, launch);
    }
    if (plan.c_is_off_tma()) {
        take_c(plan, launch);
    }
}

void AlignedOperands::take_b(const HostPlan& plan, SpmmLaunch& launch) {
    const LineStrides from{launch.ldb, launch.stride_b};
    const Lines lines = lines_of(launch.b_layout, launch.k, launch.n);  // of the copy
    const auto element_bytes = static_cast<int>(size_of(launch.dtype));
    const LineStrides strides = padded(lines, element_bytes);
    b_.emplace(bytes_of(strides, launch.batch, element_bytes), stream_);
    if (plan.transposes_b) {
        launch_transpose_lines({lines.length, lines.count}, launch.batch, element_bytes, launch.b, from,
                               b_->data(), strides, stream_);
    } else {
        launch_copy_lines(lines, launch.batch, element_bytes, launch.b, from, b_->data(), strides,
                          strides.line,
                          stream_);  // zeros behind the lines: TMA reads whole pieces of 16 bytes
    }
    launch.b = b_->data();
    launch.ldb = strides.line;
    launch.stride_b = strides.matrix;
}

void AlignedOperands::take_c(const HostPlan& plan, SpmmLaunch& launch) {
    c_lines_ = lines_of(launch.c_layout, launch.m, launch.n);
    batch_ = launch.batch;
    c_element_bytes_ = static_cast<int>(size_of(launch.c_dtype));
    c_strides_ = {launch.ldc, launch.stride_c};
    c_copy_strides_ = padded(c_lines_, c_element_bytes_);
    const std::size_t bytes = bytes_of(c_copy_strides_, launch.batch, c_element_bytes_);
    if (launch.beta != 0.0F) {
        residual_.emplace(bytes, stream_);
        launch_copy_lines(c_lines_, batch_, c_element_bytes_, launch.residual, c_strides_, residual_->data(),
                          c_copy_strides_, c_lines_.length, stream_);
        launch.residual = residual_->data();
        launch.residual_ld = c_copy_strides_.line;
        launch.residual_stride = c_copy_strides_.matrix;
    }
    if (plan.copies_c) {
        c_.emplace(bytes, stream_);
        c_target_ = launch.c;
        launch.c = c_->data();
        launch.ldc = c_copy_strides_.line;
        launch.stride_c = c_copy_strides_.matrix;
    }
}

void AlignedOperands::finish() const {
    if (c_) {
        launch_copy_lines(c_lines_, batch_, c_element_bytes_, c_->data(), c_copy_strides_, c_target_,
                          c_strides_, c_lines_.length, stream_);
    }
}

}  // namespace bsk
