// Every wrong input has its own error, which names the argument, and leaves the output alone.
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/error.h>
#include <bsk/spmm.h>

#include "base/math.h"
#include "battery/battery.h"
#include "battery/problem.h"

namespace bsk::test {
namespace {

constexpr Device kCpu{};
constexpr Device kCuda{DeviceType::cuda, 0};

/// Everything a caller hands over for one product; a test makes one thing of it wrong.
struct Call {
    BsrView a;
    SpmmProblem side;
    PlanOptions options;
    ConstMatrixView b;
    MatrixView c;
    float beta = 0;
    Epilogue epilogue;
    std::vector<std::int32_t> crow;
    std::vector<std::int32_t> cols;
};

enum class Stage { plan, product };

struct WrongInput {
    std::string name;
    Stage stage = Stage::plan;  ///< what must refuse it
    ErrorCode code = ErrorCode::invalid_argument;
    std::string names;  ///< the message mentions this
    std::function<void(Call&)> spoil;

    friend std::ostream& operator<<(std::ostream& out, const WrongInput& w) { return out << w.name; }
};

/// 256 x 320 in blocks of 64: four block rows, five block columns.
Case small_case() {
    Case spec = battery_case("full_matrix");
    spec.pattern = "explicit";
    spec.crow = {0, 2, 2, 5, 6};
    spec.cols = {0, 3, 1, 2, 4, 0};
    return spec;
}

/// C as a residual, with one thing changed.
ConstMatrixView residual_like(const Call& x, const std::function<void(ConstMatrixView&)>& change) {
    ConstMatrixView residual{x.c.data, x.c.dtype, x.c.rows, x.c.cols, x.c.layout, x.c.ld, x.c.device};
    change(residual);
    return residual;
}

std::vector<WrongInput> wrong_inputs() {
    using enum ErrorCode;
    constexpr Stage plan = Stage::plan;
    constexpr Stage product = Stage::product;
    return {
        // The pattern.
        {"first_row_does_not_start_at_zero", plan, invalid_pattern, "crow_indices",
         [](Call& x) { x.crow[0] = 1; }},
        {"negative_crow", plan, invalid_pattern, "crow_indices", [](Call& x) { x.crow[1] = -1; }},
        {"decreasing_crow", plan, invalid_pattern, "crow_indices", [](Call& x) { x.crow[2] = 1; }},
        {"crow_beyond_nnzb", plan, invalid_pattern, "crow_indices", [](Call& x) { x.crow[3] = 1 << 30; }},
        {"nnzb_too_large", plan, invalid_pattern, "nnzb", [](Call& x) { x.a.nnzb = 7; }},
        {"nnzb_too_small", plan, invalid_pattern, "nnzb", [](Call& x) { x.a.nnzb = 5; }},
        {"negative_nnzb", plan, invalid_argument, "nnzb", [](Call& x) { x.a.nnzb = -1; }},
        {"nnzb_over_int32", plan, too_large, "stored blocks", [](Call& x) { x.a.nnzb = kInt32Max + 1; }},
        {"column_out_of_range", plan, invalid_pattern, "col_indices", [](Call& x) { x.cols[4] = 5; }},
        {"negative_column", plan, invalid_pattern, "col_indices", [](Call& x) { x.cols[2] = -1; }},
        {"unsorted_columns", plan, invalid_pattern, "sorted",
         [](Call& x) { std::swap(x.cols[2], x.cols[3]); }},
        {"duplicate_column", plan, invalid_pattern, "twice", [](Call& x) { x.cols[3] = 1; }},
        {"null_crow", plan, invalid_argument, "crow_indices", [](Call& x) { x.a.crow_indices = nullptr; }},
        {"null_cols", plan, invalid_argument, "col_indices", [](Call& x) { x.a.col_indices = nullptr; }},
        // Sizes and options of the plan.
        {"unknown_block_m", plan, invalid_argument, "block_m", [](Call& x) { x.a.block_m = 48; }},
        {"unknown_block_k", plan, invalid_argument, "block_k", [](Call& x) { x.a.block_k = 0; }},
        {"negative_m", plan, invalid_argument, "m is -1", [](Call& x) { x.a.m = -1; }},
        {"k_over_int32", plan, too_large, "k is", [](Call& x) { x.a.k = kInt32Max + 1; }},
        {"negative_n", plan, invalid_argument, "n", [](Call& x) { x.side.n = -1; }},
        {"n_over_int32", plan, too_large, "n", [](Call& x) { x.side.n = kInt32Max + 1; }},
        {"m_n_over_int32", plan, too_large, "m", [](Call& x) { x.side = {.n = kInt32Max / 256 + 1}; }},
        {"small_ldb", plan, invalid_argument, "ldb", [](Call& x) { x.side.ldb = 135; }},
        {"small_ldc", plan, invalid_argument, "ldc", [](Call& x) { x.side.ldc = 135; }},
        {"negative_ldb", plan, invalid_argument, "ldb", [](Call& x) { x.side.ldb = -136; }},
        {"c_dtype_neither_of_a_nor_f32", plan, dtype_mismatch, "float16",
         [](Call& x) { x.side.c_dtype = DType::bf16; }},
        {"unknown_kernel", plan, invalid_argument, "spmm_magic",
         [](Call& x) { x.options.kernel = "spmm_magic"; }},
        {"kernel_of_another_device", plan, unsupported, "spmm_sm80",
         [](Call& x) { x.options.kernel = "spmm_sm80"; }},
        // The product.
        {"a_of_another_shape", product, invalid_argument, "A is", [](Call& x) { x.a.k = 384; }},
        {"a_of_another_block", product, invalid_argument, "A is", [](Call& x) { x.a.block_m = 128; }},
        {"a_of_another_nnzb", product, invalid_argument, "A is", [](Call& x) { x.a.nnzb = 5; }},
        {"a_of_another_dtype", product, dtype_mismatch, "A is", [](Call& x) { x.a.dtype = DType::bf16; }},
        {"a_on_cuda", product, device_mismatch, "A ", [](Call& x) { x.a.device = kCuda; }},
        {"null_values", product, invalid_argument, "values", [](Call& x) { x.a.values = nullptr; }},
        {"b_with_other_rows", product, invalid_argument, "B is", [](Call& x) { x.b.rows = 319; }},
        {"b_with_other_cols", product, invalid_argument, "B is", [](Call& x) { x.b.cols = 135; }},
        {"b_of_another_dtype", product, dtype_mismatch, "B is", [](Call& x) { x.b.dtype = DType::f32; }},
        {"b_of_another_layout", product, invalid_argument, "B is",
         [](Call& x) { x.b.layout = Layout::col_major; }},
        {"b_of_another_ld", product, invalid_argument, "B is", [](Call& x) { x.b.ld = 137; }},
        {"b_on_cuda", product, device_mismatch, "B is", [](Call& x) { x.b.device = kCuda; }},
        {"null_b", product, invalid_argument, "B is", [](Call& x) { x.b.data = nullptr; }},
        {"c_with_other_rows", product, invalid_argument, "C is", [](Call& x) { x.c.rows = 255; }},
        {"c_with_other_cols", product, invalid_argument, "C is", [](Call& x) { x.c.cols = 137; }},
        {"c_of_another_dtype", product, dtype_mismatch, "C is", [](Call& x) { x.c.dtype = DType::f32; }},
        {"c_of_another_layout", product, invalid_argument, "C is",
         [](Call& x) { x.c.layout = Layout::col_major; }},
        {"c_of_another_ld", product, invalid_argument, "C is", [](Call& x) { x.c.ld = 200; }},
        {"c_on_cuda", product, device_mismatch, "C is", [](Call& x) { x.c.device = kCuda; }},
        {"null_c", product, invalid_argument, "C is", [](Call& x) { x.c.data = nullptr; }},
        {"c_overlaps_b", product, invalid_argument, "overlaps",
         [](Call& x) { x.c.data = const_cast<void*>(x.b.data); }},
        {"c_overlaps_a", product, invalid_argument, "overlaps",
         [](Call& x) { x.c.data = const_cast<void*>(x.a.values); }},
        // The epilogue.
        {"unknown_activation", product, invalid_argument, "activation is 5",
         [](Call& x) { x.epilogue.activation = static_cast<Activation>(5); }},
        {"unknown_bias_axis", product, invalid_argument, "bias_axis is 2",
         [](Call& x) { x.epilogue.bias_axis = static_cast<BiasAxis>(2); }},
        {"bias_in_c", product, invalid_argument, "overlaps the bias",
         [](Call& x) { x.epilogue.bias = x.c.data; }},
        {"residual_of_another_shape", product, invalid_argument, "residual is",
         [](Call& x) { x.epilogue.residual = residual_like(x, [](ConstMatrixView& r) { r.rows = 255; }); }},
        {"residual_of_another_dtype", product, dtype_mismatch, "residual is",
         [](Call& x) {
             x.epilogue.residual = residual_like(x, [](ConstMatrixView& r) { r.dtype = DType::f32; });
         }},
        {"residual_of_another_layout", product, invalid_argument, "residual is",
         [](Call& x) {
             x.epilogue.residual = residual_like(x, [](ConstMatrixView& r) { r.layout = Layout::col_major; });
         }},
        {"residual_of_another_ld", product, invalid_argument, "residual is",
         [](Call& x) { x.epilogue.residual = residual_like(x, [](ConstMatrixView& r) { r.ld = 140; }); }},
        {"residual_on_cuda", product, device_mismatch, "residual is",
         [](Call& x) {
             x.epilogue.residual = residual_like(x, [](ConstMatrixView& r) { r.device = kCuda; });
         }},
        {"residual_shifted_against_c", product, invalid_argument, "overlaps the residual",
         [](Call& x) {
             x.beta = 1.0F;
             x.epilogue.residual = residual_like(
                 x, [](ConstMatrixView& r) { r.data = static_cast<const std::byte*>(r.data) + 16; });
         }},
        // The batch.
        {"no_product", plan, invalid_argument, "batch is 0", [](Call& x) { x.side.batch = 0; }},
        {"too_many_products", plan, invalid_argument, "batch is 65536",
         [](Call& x) { x.side.batch = 65536; }},
        {"negative_stride_b", plan, invalid_argument, "stride_b is -1",
         [](Call& x) { x.side.stride_b = -1; }},
        {"overlapping_batch", plan, invalid_argument, "stride_c = 1000",
         [](Call& x) {
             x.side.batch = 2;
             x.side.stride_c = 1000;
         }},
    };
}

class Errors : public ::testing::TestWithParam<WrongInput> {};

TEST_P(Errors, AreReportedAndTouchNothing) {
    const WrongInput& wrong = GetParam();
    Problem problem = make_problem(small_case());
    const Problem before = problem;
    const Addresses at = problem.host_addresses();
    Call call{problem.a_view(at),
              problem.dense_side(),
              PlanOptions(),
              problem.b_view(at),
              problem.c_view(at),
              0.0F,
              {},
              problem.spec.crow,
              problem.spec.cols};
    call.a.crow_indices = call.crow.data();
    call.a.col_indices = call.cols.data();
    try {
        if (wrong.stage == Stage::plan) {
            wrong.spoil(call);
            static_cast<void>(make_plan(call.a, call.side, kCpu, call.options));
        } else {
            const Plan plan = make_plan(call.a, call.side, kCpu, call.options);
            wrong.spoil(call);
            spmm(plan, call.a, call.b, call.c, 1.0F, call.beta, nullptr, call.epilogue);
        }
        ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), wrong.code) << error.what();
        EXPECT_NE(std::string(error.what()).find(wrong.names), std::string::npos) << error.what();
    }
    EXPECT_TRUE(problem.c == before.c) << "C was touched";
    EXPECT_TRUE(problem.b == before.b && problem.a.values == before.a.values) << "an input was touched";
}

INSTANTIATE_TEST_SUITE_P(, Errors, ::testing::ValuesIn(wrong_inputs()),
                         [](const auto& info) { return info.param.name; });

TEST(ErrorsOfAPlan, RefuseADeviceThatIsNotThere) {
    Problem problem = make_problem(small_case());
    const BsrView a = problem.a_view(problem.host_addresses());
    for (const Device device :
         {Device{DeviceType::cpu, 1}, Device{DeviceType::cuda, -1}, Device{DeviceType::cuda, 1000}}) {
        try {
            static_cast<void>(make_plan(a, problem.dense_side(), device));
            ADD_FAILURE() << "device " << device.index << " was accepted";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
        }
    }
}

TEST(ErrorsOfAPlan, RefuseIndicesOnAnotherDevice) {
    Problem problem = make_problem(small_case());
    BsrView a = problem.a_view(problem.host_addresses());
    a.device = kCuda;
    try {
        static_cast<void>(make_plan(a, problem.dense_side(), kCpu));
        ADD_FAILURE() << "indices on a CUDA device were accepted for a CPU plan";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::device_mismatch) << error.what();
    }
}

TEST(ErrorsOfAPlan, RefuseInt64IndicesBeyondInt32) {
    Problem problem = make_problem(battery_case("int64_indices"));
    auto* cols = reinterpret_cast<std::int64_t*>(problem.cols.data());
    cols[0] = std::int64_t{1} << 32;  // column 0, if it were cut to 32 bits
    try {
        static_cast<void>(make_plan(problem.a_view(problem.host_addresses()), problem.dense_side(), kCpu));
        ADD_FAILURE() << "column 2^32 was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_pattern) << error.what();
    }
}

}  // namespace
}  // namespace bsk::test
