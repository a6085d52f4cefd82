// The order in which spmm_sm90_small reads packed values: packed on the host and walked as the kernel does, every
// element must come back to its place in A.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <bsk/bsr.h>

#include "kernels/sm90/packed_units.h"
#include "plan/union_lists.h"

namespace bsk::test {
namespace {

struct Shape {
    int block_m;
    int block_k;
};

class PackedUnitsOf : public ::testing::TestWithParam<Shape> {};

using Dense = std::vector<std::uint16_t>;  // bits of fp16, row-major, padded to whole groups of rows

std::uint16_t element(const std::vector<std::byte>& bytes, std::int64_t at) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + at, sizeof(bits));
    return bits;
}

Dense expand(const BsrMatrix& a, std::int64_t rows, std::int64_t cols) {
    Dense dense(static_cast<std::size_t>(rows * cols));
    for (std::int64_t block_row = 0; block_row < a.view().block_rows(); ++block_row) {
        for (std::int64_t block = a.crow_indices[block_row]; block < a.crow_indices[block_row + 1]; ++block) {
            for (int i = 0; i < a.block_m; ++i) {
                for (int j = 0; j < a.block_k; ++j) {
                    dense[(block_row * a.block_m + i) * cols + a.col_indices[block] * a.block_k + j] =
                        element(a.values, 2 * ((block * a.block_m + i) * a.block_k + j));
                }
            }
        }
    }
    return dense;
}

/// What pack_spmm_sm90_small writes.
std::vector<std::byte> pack(const BsrMatrix& a, const UnionLists& lists, int unit) {
    std::vector<std::byte> packed(a.values.size());
    const int units_per_row = a.block_k / unit;
    for (std::size_t u = 0; u < lists.units.size(); ++u) {
        const std::int64_t first_row = lists.units[u] / units_per_row * std::int64_t{unit};
        const std::int64_t first_col = lists.units[u] % units_per_row * std::int64_t{unit};
        for (int row = 0; row < unit; ++row) {
            for (int piece = 0; piece < unit / 8; ++piece) {
                std::memcpy(packed.data() + u * unit_bytes(unit) + packed_piece_offset(unit, row, piece),
                            a.values.data() + 2 * ((first_row + row) * a.block_k + first_col + 8 * piece),
                            16);
            }
        }
    }
    return packed;
}

TEST_P(PackedUnitsOf, ComeBackToTheirPlaces) {
    GenerateOptions options;
    options.m = 1000;
    options.k = 700;
    options.block_m = GetParam().block_m;
    options.block_k = GetParam().block_k;
    options.density = 0.3;
    const BsrMatrix a = generate(options);
    const int unit = unit_of(a.block_m, a.block_k);
    const UnionLists lists = make_union_lists(a.view(), a.crow_indices, a.col_indices);
    const std::vector<std::byte> packed = pack(a, lists, unit);
    ASSERT_EQ(packed.size(), lists.units.size() * unit_bytes(unit));

    const std::int64_t rows = 2 * a.m;  // the last group passes m
    const std::int64_t cols = a.view().block_cols() * a.block_k;
    Dense walked(static_cast<std::size_t>(rows * cols));
    const int steps_per_stage = kGroupStageK / unit;
    for (std::size_t group = 0; group + 1 < lists.group_stages.size(); ++group) {
        for (std::int32_t stage = lists.group_stages[group]; stage < lists.group_stages[group + 1]; ++stage) {
            std::int64_t at = std::int64_t{lists.stage_units[stage]} * unit_bytes(unit);
            for (int i = 0; i < steps_per_stage; ++i) {
                const UnionStep& step = lists.steps[stage * steps_per_stage + i];
                for (int row = 0; row < kGroupRows; ++row) {
                    if ((step.rows >> row / unit & 1) == 0) {
                        continue;
                    }
                    const int chunk = lists.group_chunks[group * kGroupChunks + row / kGroupChunkRows];
                    const std::int64_t to_row = chunk * std::int64_t{kGroupChunkRows} + row % kGroupChunkRows;
                    for (int col = 0; col < unit; ++col) {
                        walked[to_row * cols + step.column * unit + col] = element(
                            packed, at + packed_piece_offset(unit, row % unit, col / 8) + col % 8 * 2);
                    }
                    at += row % unit == unit - 1 ? unit_bytes(unit) : 0;
                }
            }
            EXPECT_EQ(at, std::int64_t{lists.stage_units[stage + 1]} * unit_bytes(unit));
        }
    }
    EXPECT_EQ(walked, expand(a, rows, cols));
}

INSTANTIATE_TEST_SUITE_P(Blocks, PackedUnitsOf,
                         ::testing::Values(Shape{32, 32}, Shape{16, 16}, Shape{64, 32}, Shape{32, 128},
                                           Shape{16, 64}, Shape{256, 16}),
                         [](const auto& info) {
                             return std::to_string(info.param.block_m) + "x" +
                                    std::to_string(info.param.block_k);
                         });

TEST(PackedPieces, FillAUnitWithoutBankConflicts) {
    for (const int unit : {16, 32}) {
        std::set<int> offsets;
        for (int row = 0; row < unit; ++row) {
            for (int piece = 0; piece < unit / 8; ++piece) {
                offsets.insert(packed_piece_offset(unit, row, piece));
            }
        }
        EXPECT_EQ(offsets.size(), static_cast<std::size_t>(unit * unit / 8));
        EXPECT_EQ(*offsets.rbegin(), unit_bytes(unit) - 16);
        // ldmatrix reads 8 rows at a time: 16 bytes of each of the 8 groups of 4 banks.
        for (int row = 0; row < unit; row += 8) {
            for (int piece = 0; piece < unit / 8; ++piece) {
                std::set<int> banks;
                for (int i = 0; i < 8; ++i) {
                    banks.insert(packed_piece_offset(unit, row + i, piece) % 128);
                }
                EXPECT_EQ(banks.size(), 8U);
            }
        }
    }
}

}  // namespace
}  // namespace bsk::test
