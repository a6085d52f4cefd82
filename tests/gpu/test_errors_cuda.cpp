// Wrong inputs that only a CUDA device knows; each leaves a poisoned output untouched and the device usable.
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/error.h>

#include "device_problem.h"

namespace bsk::test {
namespace {

/// The operands of one product; a test makes one of them wrong.
struct Operands {
    BsrView a;
    ConstMatrixView b;
    MatrixView c;
    float beta = 0;
    Epilogue epilogue;
    Addresses host;  ///< the same arrays in host memory
};

struct WrongOperand {
    std::string name;
    ErrorCode code;
    std::string names;  ///< the message mentions this
    std::function<void(Operands&)> spoil;

    friend std::ostream& operator<<(std::ostream& out, const WrongOperand& w) { return out << w.name; }
};

template <class Pointer>
Pointer shifted(Pointer pointer, int bytes) {
    return reinterpret_cast<Pointer>(reinterpret_cast<std::uintptr_t>(pointer) + bytes);
}

void use_residual(Operands& x, const void* data) {
    x.beta = 1.0F;
    x.epilogue.residual = {data, x.c.dtype, x.c.rows, x.c.cols, x.c.layout, x.c.ld, x.c.device};
}

std::vector<WrongOperand> wrong_operands() {
    using enum ErrorCode;
    return {
        {"values_in_host_memory", device_mismatch, "values", [](Operands& x) { x.a.values = x.host.values; }},
        {"b_in_host_memory", device_mismatch, "B ", [](Operands& x) { x.b.data = x.host.b; }},
        {"c_in_host_memory", device_mismatch, "C ", [](Operands& x) { x.c.data = x.host.c; }},
        {"a_declared_on_the_cpu", device_mismatch, "A ", [](Operands& x) { x.a.device = {}; }},
        {"b_declared_on_the_cpu", device_mismatch, "B ", [](Operands& x) { x.b.device = {}; }},
        {"c_declared_on_the_cpu", device_mismatch, "C ", [](Operands& x) { x.c.device = {}; }},
        {"misaligned_values", misaligned, "values", [](Operands& x) { x.a.values = shifted(x.a.values, 2); }},
        {"misaligned_b", misaligned, "B ", [](Operands& x) { x.b.data = shifted(x.b.data, 1); }},
        {"misaligned_c", misaligned, "C ", [](Operands& x) { x.c.data = shifted(x.c.data, 1); }},
        {"bias_in_host_memory", device_mismatch, "bias", [](Operands& x) { x.epilogue.bias = x.host.b; }},
        {"misaligned_bias", misaligned, "bias", [](Operands& x) { x.epilogue.bias = shifted(x.b.data, 1); }},
        {"residual_in_host_memory", device_mismatch, "residual",
         [](Operands& x) { use_residual(x, x.host.c); }},
        {"misaligned_residual", misaligned, "residual",
         [](Operands& x) { use_residual(x, shifted(x.b.data, 1)); }},
        {"b_of_another_shape", invalid_argument, "B ", [](Operands& x) { x.b.rows -= 1; }},
        {"c_of_another_dtype", dtype_mismatch, "C ", [](Operands& x) { x.c.dtype = DType::bf16; }},
    };
}

class ErrorsCuda : public NeedsCuda<::testing::TestWithParam<WrongOperand>> {};

TEST_P(ErrorsCuda, AreReportedAndTouchNothing) {
    const WrongOperand& wrong = GetParam();
    DeviceProblem problem(make_problem(battery_case("pattern_uniform")));
    Problem host = problem.problem();
    const Plan plan = problem.plan();
    Operands operands{problem.a(), problem.b(), problem.c(), 0.0F, {}, host.host_addresses()};
    wrong.spoil(operands);
    const TestStream stream;
    try {
        spmm(plan, operands.a, operands.b, operands.c, 1.0F, operands.beta, stream.get(), operands.epilogue);
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), wrong.code) << error.what();
        EXPECT_NE(std::string(error.what()).find(wrong.names), std::string::npos) << error.what();
    }
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    EXPECT_TRUE(problem.download_c() == problem.problem().c) << "C on the device was touched";
    EXPECT_TRUE(host.c == problem.problem().c) << "C on the host was touched";
    EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "an error stays behind";
    problem.launch(plan, stream.get());
    stream.synchronize();
    EXPECT_TRUE(problem.check(plan));
}

INSTANTIATE_TEST_SUITE_P(, ErrorsCuda, ::testing::ValuesIn(wrong_operands()),
                         [](const auto& info) { return info.param.name; });

class PlanErrorsCuda : public NeedsCuda<::testing::Test> {};

TEST_F(PlanErrorsCuda, FindAWrongPatternOnTheDevice) {
    Problem spoilt = make_problem(battery_case("empty_rows"));
    spoilt.cols.assign(spoilt.cols.size(), std::byte{0});  // column 0 again and again
    const DeviceProblem problem(spoilt);
    try {
        static_cast<void>(problem.plan());
        ADD_FAILURE() << "duplicate columns were accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_pattern) << error.what();
    }
}

TEST_F(PlanErrorsCuda, RefuseAKernelThatCannotComputeTheCase) {
    const DeviceProblem problem(make_problem(battery_case("block_16x16_f32")));
    for (const char* kernel : {"spmm_sm80", "spmm_sm90", "spmm_cpu"}) {
        try {
            static_cast<void>(problem.plan(kernel));
            ADD_FAILURE() << kernel << " took float32 in blocks of 16 on a GPU";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::unsupported) << error.what();
            EXPECT_NE(std::string(error.what()).find(kernel), std::string::npos) << error.what();
        }
    }
}

}  // namespace
}  // namespace bsk::test
