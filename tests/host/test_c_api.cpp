// The C ABI: status codes, NULL arguments, the error message of a thread, and one product on the CPU.
#include <bsk/bsk.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include <bsk/error.h>

namespace {

constexpr int kBlock = 16;

/// A = [2I 0; 0 3I] in 16 x 16 blocks times B of ones, 32 x 4, all float32 on the CPU.
struct Product {
    std::vector<std::int32_t> crow{0, 1, 2};
    std::vector<std::int32_t> col{0, 1};
    std::vector<float> values = std::vector<float>(2 * kBlock * kBlock, 0.0F);
    std::vector<float> b_data = std::vector<float>(32 * 4, 1.0F);
    std::vector<float> c_data = std::vector<float>(32 * 4, -7.0F);
    bsk_device cpu{BSK_CPU, 0};
    bsk_bsr a{};
    bsk_matrix b{};
    bsk_matrix c{};
    bsk_problem problem{};

    Product() {
        for (int i = 0; i < kBlock; ++i) {
            values[i * kBlock + i] = 2.0F;
            values[kBlock * kBlock + i * kBlock + i] = 3.0F;
        }
        a.m = a.k = 32;
        a.block_m = a.block_k = kBlock;
        a.nnzb = 2;
        a.crow_indices = crow.data();
        a.col_indices = col.data();
        a.values = values.data();
        a.index_type = BSK_I32;
        a.dtype = BSK_F32;
        b.data = b_data.data();
        b.rows = 32;
        b.cols = b.ld = 4;
        b.dtype = BSK_F32;
        c = b;
        c.data = c_data.data();
        problem.n = 4;
        problem.c_dtype = BSK_F32;
    }
    ~Product() { bsk_plan_destroy(plan); }
    Product(const Product&) = delete;
    Product& operator=(const Product&) = delete;

    bsk_status make_plan() { return bsk_plan_create(&a, &problem, cpu, nullptr, &plan); }

    bsk_plan* plan = nullptr;
};

TEST(CApi, StatusCodesEqualErrorCodes) {
    EXPECT_EQ(BSK_INVALID_ARGUMENT, static_cast<int>(bsk::ErrorCode::invalid_argument));
    EXPECT_EQ(BSK_INVALID_PATTERN, static_cast<int>(bsk::ErrorCode::invalid_pattern));
    EXPECT_EQ(BSK_DTYPE_MISMATCH, static_cast<int>(bsk::ErrorCode::dtype_mismatch));
    EXPECT_EQ(BSK_DEVICE_MISMATCH, static_cast<int>(bsk::ErrorCode::device_mismatch));
    EXPECT_EQ(BSK_MISALIGNED, static_cast<int>(bsk::ErrorCode::misaligned));
    EXPECT_EQ(BSK_TOO_LARGE, static_cast<int>(bsk::ErrorCode::too_large));
    EXPECT_EQ(BSK_UNSUPPORTED, static_cast<int>(bsk::ErrorCode::unsupported));
    EXPECT_EQ(BSK_FILE_ERROR, static_cast<int>(bsk::ErrorCode::file_error));
    EXPECT_EQ(BSK_CUDA_ERROR, static_cast<int>(bsk::ErrorCode::cuda_error));
    EXPECT_EQ(BSK_OUT_OF_MEMORY, static_cast<int>(bsk::ErrorCode::out_of_memory));
    EXPECT_EQ(BSK_INTERNAL, static_cast<int>(bsk::ErrorCode::internal));
    EXPECT_STREQ(bsk_status_name(BSK_OK), "ok");
    EXPECT_STREQ(bsk_status_name(BSK_TOO_LARGE), "too_large");
    EXPECT_STREQ(bsk_status_name(static_cast<bsk_status>(99)), "unknown");
}

TEST(CApi, MultipliesOnTheCpu) {
    Product p;
    ASSERT_EQ(p.make_plan(), BSK_OK) << bsk_last_error_message();
    ASSERT_EQ(bsk_spmm(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, nullptr), BSK_OK) << bsk_last_error_message();
    for (int i = 0; i < 32; ++i) {
        for (int j = 0; j < 4; ++j) {
            EXPECT_EQ(p.c_data[i * 4 + j], i < kBlock ? 2.0F : 3.0F) << "at " << i << ", " << j;
        }
    }
    ASSERT_EQ(bsk_spmm(p.plan, &p.a, &p.b, &p.c, 0.5F, 1.0F, nullptr), BSK_OK) << bsk_last_error_message();
    EXPECT_EQ(p.c_data.front(), 3.0F);
    EXPECT_EQ(p.c_data.back(), 4.5F);
}

TEST(CApi, FusesAnEpilogue) {
    Product p;
    ASSERT_EQ(p.make_plan(), BSK_OK) << bsk_last_error_message();
    const std::vector<float> bias(32, -2.5F);
    const std::vector<float> residual_data(32 * 4, 10.0F);
    bsk_matrix residual = p.c;
    residual.data = const_cast<float*>(residual_data.data());
    bsk_epilogue epilogue{};
    epilogue.struct_size = sizeof(epilogue);
    epilogue.activation = BSK_RELU;
    epilogue.bias = bias.data();
    ASSERT_EQ(bsk_spmm_fused(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, &epilogue, nullptr), BSK_OK)
        << bsk_last_error_message();
    EXPECT_EQ(p.c_data.front(), 0.0F);
    EXPECT_EQ(p.c_data.back(), 0.5F);
    epilogue.residual = &residual;
    ASSERT_EQ(bsk_spmm_fused(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.5F, &epilogue, nullptr), BSK_OK)
        << bsk_last_error_message();
    EXPECT_EQ(p.c_data.front(), 4.5F);
    EXPECT_EQ(p.c_data.back(), 5.5F);

    const std::vector<float> before = p.c_data;
    epilogue.activation = 5;
    EXPECT_EQ(bsk_spmm_fused(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, &epilogue, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_NE(std::string(bsk_last_error_message()).find("epilogue.activation is 5"), std::string::npos);
    epilogue.activation = BSK_RELU;
    epilogue.struct_size = 0;
    EXPECT_EQ(bsk_spmm_fused(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, &epilogue, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(p.c_data, before);
}

TEST(CApi, MultipliesABatch) {
    Product p;
    p.problem.n = p.b.cols = p.c.cols = 2;
    p.problem.batch = 2;  // of 32 x 2, side by side in rows of 4
    p.problem.ldb = p.problem.ldc = 4;
    p.problem.stride_b = p.problem.stride_c = 2;
    p.b_data[2] = 5.0F;  // row 0 of the second B
    ASSERT_EQ(p.make_plan(), BSK_OK) << bsk_last_error_message();
    ASSERT_EQ(bsk_spmm(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, nullptr), BSK_OK) << bsk_last_error_message();
    EXPECT_EQ(std::vector<float>(p.c_data.begin(), p.c_data.begin() + 4), (std::vector<float>{2, 2, 10, 2}));
    EXPECT_EQ(p.c_data.back(), 3.0F);
}

TEST(CApi, RefusesOptionsItDoesNotKnow) {
    Product p;
    bsk_plan_options options{};
    options.struct_size = sizeof(options);
    options.policy = BSK_POLICY_AUTO;  // nothing but the CPU's kernel there
    ASSERT_EQ(bsk_plan_create_with(&p.a, &p.problem, p.cpu, &options, &p.plan), BSK_OK);
    bsk_plan* untouched = p.plan;
    options.policy = 2;
    EXPECT_EQ(bsk_plan_create_with(&p.a, &p.problem, p.cpu, &options, &untouched), BSK_INVALID_ARGUMENT);
    EXPECT_NE(std::string(bsk_last_error_message()).find("options.policy is 2"), std::string::npos);
    options = {};
    EXPECT_EQ(bsk_plan_create_with(&p.a, &p.problem, p.cpu, &options, &untouched), BSK_INVALID_ARGUMENT);
    EXPECT_NE(std::string(bsk_last_error_message()).find("options.struct_size is 0"), std::string::npos);
    EXPECT_EQ(bsk_plan_create_with(&p.a, &p.problem, p.cpu, nullptr, &untouched), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(untouched, p.plan);
}

TEST(CApi, ReplacesThePatternOfADynamicPlan) {
    Product p;
    bsk_plan_options options{};
    options.struct_size = sizeof(options);
    options.dynamic = 1;
    ASSERT_EQ(bsk_plan_create_with(&p.a, &p.problem, p.cpu, &options, &p.plan), BSK_OK);
    p.crow = {0, 2, 2};  // A = [2I 3I; 0 0]
    ASSERT_EQ(bsk_replan(p.plan, &p.a, nullptr), BSK_OK) << bsk_last_error_message();
    ASSERT_EQ(bsk_spmm(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, nullptr), BSK_OK);
    for (int i = 0; i < 32 * 4; ++i) {
        EXPECT_EQ(p.c_data[i], i < kBlock * 4 ? 5.0F : 0.0F) << i;
    }
    EXPECT_EQ(bsk_replan(nullptr, &p.a, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(bsk_replan(p.plan, nullptr, nullptr), BSK_INVALID_ARGUMENT);
    Product fixed;
    ASSERT_EQ(fixed.make_plan(), BSK_OK);
    EXPECT_EQ(bsk_replan(fixed.plan, &fixed.a, nullptr), BSK_INVALID_ARGUMENT);
}

TEST(CApi, ExplainsIntoTheCallersBuffer) {
    Product p;
    ASSERT_EQ(p.make_plan(), BSK_OK) << bsk_last_error_message();
    size_t needed = 0;
    ASSERT_EQ(bsk_plan_explain(p.plan, nullptr, 0, &needed), BSK_OK);
    ASSERT_GT(needed, 1U);
    std::string whole(needed, '?');
    ASSERT_EQ(bsk_plan_explain(p.plan, whole.data(), whole.size(), nullptr), BSK_OK);
    EXPECT_EQ(whole.back(), '\0');
    std::string cut(6, '?');
    ASSERT_EQ(bsk_plan_explain(p.plan, cut.data(), 5, &needed), BSK_OK);
    EXPECT_EQ(cut, whole.substr(0, 4) + '\0' + '?');
    EXPECT_EQ(needed, whole.size());
    EXPECT_EQ(bsk_plan_explain(p.plan, nullptr, 5, nullptr), BSK_INVALID_ARGUMENT);
}

TEST(CApi, NullArgumentsAreInvalid) {
    Product p;
    EXPECT_EQ(bsk_plan_create(nullptr, &p.problem, p.cpu, nullptr, &p.plan), BSK_INVALID_ARGUMENT);
    EXPECT_STREQ(bsk_last_error_message(), "a is NULL.");
    EXPECT_EQ(bsk_plan_create(&p.a, nullptr, p.cpu, nullptr, &p.plan), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(bsk_plan_create(&p.a, &p.problem, p.cpu, nullptr, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(p.plan, nullptr);
    EXPECT_EQ(bsk_plan_explain(nullptr, nullptr, 0, nullptr), BSK_INVALID_ARGUMENT);
    bsk_plan_destroy(nullptr);

    ASSERT_EQ(p.make_plan(), BSK_OK) << bsk_last_error_message();
    const std::vector<float> before = p.c_data;
    EXPECT_EQ(bsk_spmm(nullptr, &p.a, &p.b, &p.c, 1.0F, 0.0F, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(bsk_spmm(p.plan, nullptr, &p.b, &p.c, 1.0F, 0.0F, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(bsk_spmm(p.plan, &p.a, nullptr, &p.c, 1.0F, 0.0F, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(bsk_spmm(p.plan, &p.a, &p.b, nullptr, 1.0F, 0.0F, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_EQ(p.c_data, before);
}

TEST(CApi, ErrorsOfTheLibraryBecomeStatuses) {
    Product p;
    p.col[1] = 9;
    EXPECT_EQ(p.make_plan(), BSK_INVALID_PATTERN);
    EXPECT_NE(std::string(bsk_last_error_message()), "");
    p.col[1] = 1;
    p.a.dtype = 42;
    EXPECT_EQ(p.make_plan(), BSK_INVALID_ARGUMENT);
    EXPECT_NE(std::string(bsk_last_error_message()).find("a.dtype is 42"), std::string::npos);
    p.a.dtype = BSK_F32;
    ASSERT_EQ(p.make_plan(), BSK_OK) << bsk_last_error_message();
    const std::vector<float> before = p.c_data;
    p.b.dtype = BSK_F16;
    EXPECT_EQ(bsk_spmm(p.plan, &p.a, &p.b, &p.c, 1.0F, 0.0F, nullptr), BSK_DTYPE_MISMATCH);
    EXPECT_EQ(p.c_data, before);
}

TEST(CApi, MessagesBelongToTheirThread) {
    ASSERT_EQ(bsk_plan_explain(nullptr, nullptr, 0, nullptr), BSK_INVALID_ARGUMENT);
    std::string other = "unset";
    std::thread([&] { other = bsk_last_error_message(); }).join();
    EXPECT_EQ(other, "");
    EXPECT_STREQ(bsk_last_error_message(), "plan is NULL.");
}

TEST(CApi, MultipliesByTheTranspose) {
    Product product;
    product.problem.transpose_a = 1;
    ASSERT_EQ(product.make_plan(), BSK_OK) << bsk_last_error_message();
    ASSERT_EQ(bsk_spmm(product.plan, &product.a, &product.b, &product.c, 1, 0, nullptr), BSK_OK);
    EXPECT_EQ(product.c_data.front(), 2.0F);
    EXPECT_EQ(product.c_data.back(), 3.0F);
}

TEST(CApi, SamplesAProduct) {
    Product product;
    bsk_matrix d2 = product.b;  // 4 x 32 of ones: the transpose of B
    d2.rows = 4;
    d2.cols = d2.ld = 32;
    bsk_sddmm_problem problem{};
    problem.n = 4;
    problem.values_dtype = BSK_F32;
    bsk_sddmm_plan* plan = nullptr;
    ASSERT_EQ(bsk_sddmm_plan_create(&product.a, &problem, product.cpu, nullptr, &plan), BSK_OK)
        << bsk_last_error_message();
    std::size_t needed = 0;
    ASSERT_EQ(bsk_sddmm_plan_explain(plan, nullptr, 0, &needed), BSK_OK);
    std::string text(needed, 'x');
    ASSERT_EQ(bsk_sddmm_plan_explain(plan, text.data(), text.size(), nullptr), BSK_OK);
    EXPECT_NE(text.find("sddmm_cpu"), std::string::npos) << text;
    EXPECT_NE(text.find("Predicted: nothing, sddmm_cpu has no cost model."), std::string::npos) << text;
    EXPECT_EQ(text.back(), '\0');
    EXPECT_EQ(bsk_sddmm_plan_explain(nullptr, nullptr, 0, nullptr), BSK_INVALID_ARGUMENT);
    std::vector<float> values(product.values.size(), 1.0F);
    EXPECT_EQ(bsk_sddmm(plan, &product.b, &d2, values.data(), 2.0F, 1.0F, nullptr), BSK_OK);
    EXPECT_EQ(values, std::vector<float>(values.size(), 9.0F));  // 2*(1*1 four times) + 1
    EXPECT_EQ(bsk_sddmm(plan, &product.b, nullptr, values.data(), 1.0F, 0.0F, nullptr), BSK_INVALID_ARGUMENT);
    EXPECT_STREQ(bsk_last_error_message(), "d2 is NULL.");
    bsk_sddmm_plan_destroy(plan);
}

}  // namespace
