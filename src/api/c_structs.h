// Structs of the C ABI as the library's own. Everything here throws Error for a number that no enumeration has, and for a
// size that is not the struct's.
#pragma once

#include <string>

#include <bsk/bsk.h>
#include <bsk/plan.h>
#include <bsk/sddmm.h>
#include <bsk/spmm.h>

namespace bsk::c_api {

[[nodiscard]] Device device_of(const bsk_device& device, const char* argument);
[[nodiscard]] BsrView view_of(const bsk_bsr& a);
[[nodiscard]] MatrixView view_of(const bsk_matrix& matrix, const std::string& argument);
[[nodiscard]] ConstMatrixView read_only(const MatrixView& view);
[[nodiscard]] SpmmProblem problem_of(const bsk_problem& problem);
[[nodiscard]] SddmmProblem problem_of(const bsk_sddmm_problem& problem);
[[nodiscard]] Epilogue epilogue_of(const bsk_epilogue& epilogue);
[[nodiscard]] PlanOptions options_of(const bsk_plan_options& options);

}  // namespace bsk::c_api
