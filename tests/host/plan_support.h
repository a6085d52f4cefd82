// Plans of small products for modelled devices, as the tests of the planner make them.
#pragma once

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include <bsk/bsr.h>
#include <bsk/plan.h>

#include "plan/device_models.h"
#include "plan/kernels.h"
#include "plan/planner.h"

namespace bsk {

inline BsrMatrix square(int size, int block, DType dtype = DType::f16) {
    return generate(
        {.m = size, .k = size, .block_m = block, .block_k = block, .density = 0.22, .dtype = dtype});
}

inline HostPlan plan_of(const BsrMatrix& a, const SpmmProblem& problem, const std::string& device,
                        const PlanOptions& options, const std::string& no_cublas = "") {
    const BsrView view = a.view();
    return plan_spmm(view, a.crow_indices, a.col_indices, check_problem(view, problem),
                     device_model_by_name(device), options, no_cublas);
}

inline HostPlan plan_of(const BsrMatrix& a, const SpmmProblem& problem, const std::string& device,
                        const std::string& kernel = "") {
    return plan_of(a, problem, device, PlanOptions{kernel});
}

inline bool reasons_mention(const HostPlan& plan, const std::string& text) {
    return std::any_of(plan.reasons.begin(), plan.reasons.end(),
                       [&](const std::string& reason) { return reason.find(text) != std::string::npos; });
}

inline SpmmProblem problem_of(const BsrMatrix& a, std::int64_t n) {
    return {.n = n, .c_dtype = a.dtype};
}

inline SpmmProblem transposed_problem_of(const BsrMatrix& a, std::int64_t n) {
    SpmmProblem problem = problem_of(a, n);
    problem.transpose_a = true;
    return problem;
}

/// Tests of what is chosen on Hopper; a build without 90a has no kernel for it.
class HopperPlanner : public ::testing::Test {
protected:
    void SetUp() override {
        if (!is_built(KernelId::spmm_sm90)) {
            GTEST_SKIP() << "this build has no spmm_sm90";
        }
    }
};

}  // namespace bsk
