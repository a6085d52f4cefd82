#include <algorithm>

#include "base/check.h"
#include "base/lines.h"
#include "base/math.h"
#include "plan/planner.h"

namespace bsk {

namespace {

constexpr std::int64_t kMaxBatch = 65535;  // of a grid's z dimension

/// The tightest stride where the caller gives none or where nothing follows.
std::int64_t filled_stride(const char* argument, std::int64_t stride, std::int64_t batch, const Lines& lines,
                           std::int64_t ld) {
    require(stride >= 0, ErrorCode::invalid_argument,
            "{} is {}; expected elements from one matrix to the next.", argument, stride);
    return stride == 0 || batch == 1 ? std::max<std::int64_t>(lines.count, 1) * ld : stride;
}

/// Fills in the strides of a batch where they are 0. Its matrices C may follow each other, or interleave by lines.
void check_batch(const BsrView& a, SpmmProblem& problem) {
    require(problem.batch >= 1 && problem.batch <= kMaxBatch, ErrorCode::invalid_argument,
            "batch is {}; expected 1 to {}.", problem.batch, kMaxBatch);
    const Lines b = lines_of(problem.b_layout, a.k, problem.n);
    const Lines c = lines_of(problem.c_layout, a.m, problem.n);
    problem.stride_b = filled_stride("stride_b", problem.stride_b, problem.batch, b, problem.ldb);
    problem.stride_c = filled_stride("stride_c", problem.stride_c, problem.batch, c, problem.ldc);
    const bool follow = problem.stride_c >= (c.count - 1) * problem.ldc + c.length;
    const bool interleave =
        problem.stride_c >= c.length && (problem.batch - 1) * problem.stride_c + c.length <= problem.ldc;
    require(problem.batch == 1 || c.count * c.length == 0 || follow || interleave,
            ErrorCode::invalid_argument,
            "stride_c = {} lets the matrices C of a batch of {} overlap; expected at least {}.",
            problem.stride_c, problem.batch, (c.count - 1) * problem.ldc + c.length);
}

}  // namespace

std::int64_t filled_ld(const char* argument, std::int64_t ld, Layout layout, std::int64_t rows,
                       std::int64_t cols) {
    const std::int64_t tightest = std::max<std::int64_t>(lines_of(layout, rows, cols).length, 1);
    require(ld == 0 || ld >= tightest, ErrorCode::invalid_argument,
            "{} = {} is too small: a {} matrix of {} x {} needs at least {}.", argument, ld, name(layout),
            rows, cols, tightest);
    require(ld <= kInt32Max, ErrorCode::too_large, "{} = {} is too large: expected at most {}.", argument, ld,
            kInt32Max);
    return ld == 0 ? tightest : ld;
}

SpmmProblem check_problem(const BsrView& a, SpmmProblem problem) {
    require(problem.n >= 0, ErrorCode::invalid_argument, "n is {}; a size must not be negative.", problem.n);
    require(problem.n <= kInt32Max, ErrorCode::too_large, "n is {}; sizes up to {} are supported.", problem.n,
            kInt32Max);
    require(problem.c_dtype == a.dtype || problem.c_dtype == DType::f32, ErrorCode::dtype_mismatch,
            "c_dtype is {}: expected A's dtype, {}, or float32.", name(problem.c_dtype), name(a.dtype));
    require(a.m * problem.n <= kInt32Max, ErrorCode::too_large,
            "C of {} x {} has more elements than int32 can index ({}); split B by columns.", a.m, problem.n,
            kInt32Max);
    problem.ldb = filled_ld("ldb", problem.ldb, problem.b_layout, a.k, problem.n);
    problem.ldc = filled_ld("ldc", problem.ldc, problem.c_layout, a.m, problem.n);
    check_batch(a, problem);
    return problem;
}

}  // namespace bsk
