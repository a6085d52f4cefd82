#include <functional>
#include <limits>

#include "format/indices.h"
#include "host/format_support.h"

namespace bsk::test {
namespace {

/// A valid 48 x 60 matrix in blocks of 16 x 16, whose fields a test breaks one at a time; 3 x 4 blocks, the
/// second block row empty.
template <class Index>
struct Fixture {
    std::vector<Index> crow = {0, 2, 2, 4};
    std::vector<Index> cols = {0, 3, 1, 2};
    BsrView view;

    Fixture() {
        view.m = 48;
        view.k = 60;
        view.block_m = 16;
        view.block_k = 16;
        view.nnzb = 4;
        view.index_type = sizeof(Index) == 8 ? IndexType::i64 : IndexType::i32;
        view.crow_indices = crow.data();
        view.col_indices = cols.data();
    }
};

template <class Index>
class Validate : public ::testing::Test {
protected:
    using Fault = std::function<void(Fixture<Index>&)>;

    static void expect_refused(ErrorCode code, const std::string& fragment, const Fault& fault) {
        Fixture<Index> fixture;
        fault(fixture);
        expect_error(code, fragment, [&] { validate(fixture.view); });
    }
};

using IndexTypes = ::testing::Types<std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Validate, IndexTypes);

TYPED_TEST(Validate, AcceptsAValidPattern) {
    EXPECT_NO_THROW(validate(Fixture<TypeParam>().view));
}

TYPED_TEST(Validate, AcceptsEmptyMatrices) {
    Fixture<TypeParam> fixture;
    fixture.crow = {0, 0, 0, 0};
    fixture.view.nnzb = 0;
    fixture.view.col_indices = nullptr;
    EXPECT_NO_THROW(validate(fixture.view));
    fixture.view.k = 0;
    EXPECT_NO_THROW(validate(fixture.view));
    fixture.view.m = 0;
    EXPECT_NO_THROW(validate(fixture.view));
}

TYPED_TEST(Validate, RefusesSizes) {
    using F = Fixture<TypeParam>;
    this->expect_refused(ErrorCode::invalid_argument, "m is -1", [](F& f) { f.view.m = -1; });
    this->expect_refused(ErrorCode::invalid_argument, "k is -5", [](F& f) { f.view.k = -5; });
    this->expect_refused(ErrorCode::invalid_argument, "nnzb is -1", [](F& f) { f.view.nnzb = -1; });
    this->expect_refused(ErrorCode::too_large, "m is 2147483648", [](F& f) { f.view.m = 1LL << 31; });
    this->expect_refused(ErrorCode::too_large, "k is 9223372036854775807",
                         [](F& f) { f.view.k = std::numeric_limits<std::int64_t>::max(); });
    this->expect_refused(ErrorCode::too_large, "2147483648 stored blocks",
                         [](F& f) { f.view.nnzb = 1LL << 31; });
}

TYPED_TEST(Validate, RefusesBlockSides) {
    using F = Fixture<TypeParam>;
    for (const int side : {-16, 0, 1, 8, 17, 24, 48, 96, 512}) {
        const std::string text = " is " + std::to_string(side);
        this->expect_refused(ErrorCode::invalid_argument, "block_m" + text,
                             [&](F& f) { f.view.block_m = side; });
        this->expect_refused(ErrorCode::invalid_argument, "block_k" + text,
                             [&](F& f) { f.view.block_k = side; });
    }
}

TYPED_TEST(Validate, RefusesNullPointersAndDeviceMemory) {
    using F = Fixture<TypeParam>;
    this->expect_refused(ErrorCode::invalid_argument, "crow_indices is null",
                         [](F& f) { f.view.crow_indices = nullptr; });
    this->expect_refused(ErrorCode::invalid_argument, "col_indices is null",
                         [](F& f) { f.view.col_indices = nullptr; });
    this->expect_refused(ErrorCode::device_mismatch, "CUDA device 1", [](F& f) {
        f.view.device = {DeviceType::cuda, 1};
    });
}

TYPED_TEST(Validate, RefusesRowOffsets) {
    using F = Fixture<TypeParam>;
    constexpr auto kCode = ErrorCode::invalid_pattern;
    this->expect_refused(kCode, "crow_indices[0] is 1", [](F& f) { f.crow[0] = 1; });
    this->expect_refused(kCode, "crow_indices[0] is -1", [](F& f) { f.crow[0] = -1; });
    this->expect_refused(kCode, "decreases from 2 to 1 at block row 1", [](F& f) { f.crow[2] = 1; });
    this->expect_refused(kCode, "decreases from 0 to -3 at block row 0", [](F& f) { f.crow[1] = -3; });
    this->expect_refused(kCode, "reaches 100 at block row 0 but nnzb is 4", [](F& f) { f.crow[1] = 100; });
    this->expect_refused(kCode, "ends at 3 after 3 block rows but nnzb is 4", [](F& f) { f.crow[3] = 3; });
    this->expect_refused(kCode, "reaches 4 at block row 2 but nnzb is 3", [](F& f) { f.view.nnzb = 3; });
}

TYPED_TEST(Validate, RefusesColumns) {
    using F = Fixture<TypeParam>;
    constexpr auto kCode = ErrorCode::invalid_pattern;
    this->expect_refused(kCode, "holds 4 in block row 0", [](F& f) { f.cols[1] = 4; });
    this->expect_refused(kCode, "holds -1 in block row 2", [](F& f) { f.cols[2] = -1; });
    this->expect_refused(kCode, "holds 1 twice in block row 2", [](F& f) { f.cols[3] = 1; });
    this->expect_refused(kCode, "holds 0 after 1 in block row 2", [](F& f) { f.cols[3] = 0; });
    this->expect_refused(kCode, "must be in [0, 0)", [](F& f) { f.view.k = 0; });
}

TEST(ValidateInt64, DoesNotTruncate) {
    Fixture<std::int64_t> fixture;
    fixture.cols[1] = (1LL << 32) + 3;
    expect_error(ErrorCode::invalid_pattern, "holds 4294967299 in block row 0",
                 [&] { validate(fixture.view); });
    fixture.crow[1] = (1LL << 32) + 2;
    expect_error(ErrorCode::invalid_pattern, "reaches 4294967298 at block row 0",
                 [&] { validate(fixture.view); });
}

TEST(CopyIndices, ReadsBothTypesAndRefusesWhatDoesNotFit) {
    const std::vector<std::int32_t> narrow = {0, -7, 2147483647};
    std::vector<std::int64_t> wide(narrow.begin(), narrow.end());
    EXPECT_EQ(copy_indices(narrow.data(), IndexType::i32, 3), narrow);
    EXPECT_EQ(copy_indices(wide.data(), IndexType::i64, 3), narrow);
    EXPECT_TRUE(copy_indices(nullptr, IndexType::i64, 0).empty());
    wide[2] = 2147483648;
    expect_error(ErrorCode::too_large, "index 2147483648 at position 2",
                 [&] { (void)copy_indices(wide.data(), IndexType::i64, 3); });
}

}  // namespace
}  // namespace bsk::test
