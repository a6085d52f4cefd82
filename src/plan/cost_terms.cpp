#include "plan/cost_terms.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "base/math.h"
#include "plan/row_pairs.h"
#include "plan/skinny_tile.h"

namespace bsk {

namespace {

/// How much longer spmm_sm80 takes where it reads B in pieces of 32 bytes (docs/worklog/sm80.md).
constexpr double short_pieces(const Sm80Tile& tile) {
    return tile.rows <= 32 ? 1.9 : 1.5;
}

/// The same of B's share of what spmm_skinny reads (docs/worklog/skinny.md).
constexpr double kSkinnyShortPieces = 1.7;

/// Share of the dense fp16 rate of the kernels that nothing is fitted for.
double rate_share(KernelId kernel) {
    return kernel == KernelId::spmm_cpu ? 0.5 : 0.02;
}

/// Steps of 128 x 256 x 64 that the busiest SM computes where cuBLAS cuts C into tiles of the best of these shapes.
/// The smaller ones read more of A and B for what they compute.
double dense_steps(std::int64_t m, std::int64_t n, std::int64_t k, int sm_count) {
    struct Shape {
        int m;
        int n;
        double efficiency;
    };
    constexpr Shape kShapes[] = {{128, 256, 1.0}, {256, 128, 1.0}, {128, 128, 0.85},
                                 {128, 64, 0.6},  {64, 128, 0.6},  {64, 64, 0.4}};
    double best = std::numeric_limits<double>::max();
    for (const Shape& shape : kShapes) {
        const auto waves =
            static_cast<double>(ceil_div(ceil_div(m, shape.m) * ceil_div(n, shape.n), sm_count));
        best = std::min(best, waves * shape.m * shape.n / (128.0 * 256.0 * shape.efficiency));
    }
    return best * static_cast<double>(k) / 64;
}

/// Executed 64 x 64 pieces of A, for each column of C.
double pieces(const BsrView& a) {
    return static_cast<double>(a.nnzb) * a.block_m * a.block_k / (64.0 * 64.0);
}

/// How much longer spmm_sm80 takes for a step of a tile that B's columns do not fill: its copies are not unrolled
/// (docs/worklog/cost-model.md).
constexpr double kEdgeSteps = 1.65;

/// One CTA a tile; none ends before its row of A is done.
CostTerms sm80_terms(const Sm80Tile& tile, const BsrView& a, std::int64_t longest_row,
                     const SpmmProblem& problem, const DeviceModel& device) {
    const auto strips = static_cast<double>(ceil_div(problem.n, tile.columns) * problem.batch);
    CostTerms terms;
    terms.variant = fmt::format("spmm_sm80/{}x{}", tile.rows, tile.columns);
    terms.bytes = memory_bytes(a, problem);
    terms.tiles = static_cast<double>(ceil_div(a.m, tile.rows)) * strips / device.sm_count;
    terms.steps = pieces(a) * strips / device.sm_count;
    terms.units = static_cast<double>(longest_row) * a.block_k / 64.0;
    if (problem.n % tile.columns != 0) {
        const std::int64_t whole_strips = problem.n / tile.columns;
        const auto whole = static_cast<double>(whole_strips * problem.batch);
        terms.steps *= (whole + kEdgeSteps * (strips - whole)) / strips;
        terms.units *= problem.n < tile.columns ? kEdgeSteps : 1;
    }
    if (problem.b_layout == Layout::col_major && a.block_k == 16) {
        terms.steps *= short_pieces(tile);
    }
    return terms;
}

double transpose_seconds(double bytes, const DeviceModel& device) {
    CostTerms terms;
    terms.variant = "expand";  // a pass over memory as well, at a third of its rate
    terms.bytes = 3 * 2 * bytes;
    return seconds(terms, device);
}

}  // namespace

Sm80Choice choose_sm80(const BsrView& a, std::int64_t longest_row, const SpmmProblem& problem,
                       const DeviceModel& device) {
    SpmmProblem transposed = problem;
    transposed.b_layout = Layout::row_major;
    Sm80Choice fastest;
    fastest.seconds = std::numeric_limits<double>::max();
    for (const Sm80Tile& tile : kSm80Tiles) {
        if (!sm80_tile_fits(tile, a.block_m)) {
            continue;
        }
        for (const bool transposes_b : {false, true}) {
            if (transposes_b && problem.b_layout == Layout::row_major) {
                continue;
            }
            CostTerms terms = sm80_terms(tile, a, longest_row, transposes_b ? transposed : problem, device);
            const double predicted =
                seconds(terms, device) + (transposes_b ? transpose_b_seconds(a, problem, device) : 0);
            if (predicted < fastest.seconds) {
                fastest = {tile, transposes_b, std::move(terms), predicted};
            }
        }
    }
    return fastest;
}

CostTerms unscheduled_terms(KernelId kernel, const BsrView& a, std::int64_t longest_row,
                            const SpmmProblem& problem, const DeviceModel& device) {
    CostTerms terms;
    terms.variant = name(kernel);
    terms.bytes = memory_bytes(a, problem);
    if (kernel == KernelId::dense_cublas) {
        BsrView dense = a;  // every element stored
        dense.block_m = 1;
        dense.block_k = 1;
        dense.nnzb = a.m * a.k;
        terms.bytes = memory_bytes(dense, problem);
        terms.steps = dense_steps(a.m, problem.n * problem.batch, a.k, device.sm_count);
        // At its power limit the chip multiplies zeros faster.
        const double stored = static_cast<double>(a.nnzb) * a.block_m * a.block_k;
        terms.tiles = dense.nnzb > 0 ? terms.steps * stored / static_cast<double>(dense.nnzb) : 0;
    } else if (kernel == KernelId::spmm_sm80) {
        terms = choose_sm80(a, longest_row, problem, device).terms;
    } else if (kernel == KernelId::spmm_skinny) {
        // Megabytes of A and B that come through L2: all of A for every tile of columns.
        const SkinnyTile tile = skinny_tile(a.block_m, problem.n);
        const auto column_tiles = static_cast<double>(problem.batch * ceil_div(problem.n, tile.columns));
        const bool short_pieces = problem.b_layout == Layout::col_major && a.block_k == 16 && problem.n > 1;
        const double b_over_a =
            static_cast<double>(tile.columns) / tile.rows * (short_pieces ? kSkinnyShortPieces : 1);
        terms.variant = fmt::format("spmm_skinny/{}x{}", tile.rows, tile.columns);
        terms.tiles = static_cast<double>(ceil_div(a.m, tile.rows)) * column_tiles / device.sm_count;
        terms.steps = 1e-6 * column_tiles * values_bytes(a) * (1 + b_over_a);
        // Microseconds of a warp for every 32 of its columns of the longest row (docs/worklog/skinny.md).
        const bool by_elements = problem.n <= kSkinnyColumnsByElements && problem.ldb % 8 != 0 &&
                                 !is_plain_column(problem.n, problem.b_layout, problem.ldb);
        const double chunks = static_cast<double>(longest_row) * a.block_k / 32 / tile.warps;
        terms.units = chunks * (0.4 + (by_elements ? 0.035 : 0.004) * tile.columns);
    } else {
        // Steps of the time that an SM of an H200 takes for a piece of 64 x 64 x 256 at its dense rate.
        terms.steps = pieces(a) * static_cast<double>(problem.n * problem.batch) / 256 / rate_share(kernel) /
                      device.sm_count;
    }
    return terms;
}

double least_seconds(KernelId kernel, const BsrView& a, std::int64_t longest_row, const SpmmProblem& problem,
                     const DeviceModel& device) {
    if (!is_hopper(kernel)) {
        return seconds(unscheduled_terms(kernel, a, longest_row, problem, device), device);
    }
    // Tiles without padding, and as many streams as there are multiprocessors.
    const int unit = unit_of(a.block_m, a.block_k);
    const double tiles_of_c = pieces(a) * static_cast<double>(problem.n * problem.batch) / device.sm_count;
    // `steps`, `units`: times the columns of a tile
    const auto bound = [&](int tile_m, int tile_n, double steps, double units) {
        CostTerms terms;
        terms.variant = cost_variant(costed_choice(kernel, tile_m, tile_n, problem.n), unit);
        terms.tiles = static_cast<double>(a.m) / tile_m * static_cast<double>(problem.n * problem.batch) /
                      tile_n / device.sm_count;
        terms.steps = steps / tile_n;
        terms.units = units / tile_n;
        terms.bytes = memory_bytes(a, problem);
        return seconds(terms, device);
    };
    if (kernel == KernelId::spmm_sm90_small) {  // steps of A, and of B for 256 full rows
        return bound(kGroupRows, kSm90SmallTileN, tiles_of_c * 1.5, tiles_of_c * 64 / unit);
    }
    if (kernel == KernelId::spmm_sm90_pairs) {  // both rows store every block
        return bound(2 * kPairBlockRows, kSm90TileN, tiles_of_c / 2, tiles_of_c);
    }
    double least = bound(64, kSm90TileN, tiles_of_c, 0);
    for (const int tile_n : {kSm90TileN, kSm90NarrowTileN}) {
        if (a.block_m % 128 == 0) {
            least = std::min(least, bound(128, tile_n, tiles_of_c / 2, 0));
        }
    }
    return least;
}

double expand_seconds(const BsrView& a, const DeviceModel& device) {
    CostTerms terms;
    terms.variant = "expand";
    terms.bytes =
        static_cast<double>(size_of(a.dtype)) * (static_cast<double>(a.nnzb) * a.block_m * a.block_k +
                                                 static_cast<double>(a.m) * static_cast<double>(a.k));
    return seconds(terms, device);
}

double transpose_values_seconds(const BsrView& a, const DeviceModel& device) {
    return transpose_seconds(values_bytes(a), device);
}

double transpose_b_seconds(const BsrView& a, const SpmmProblem& problem, const DeviceModel& device) {
    return transpose_seconds(static_cast<double>(problem.batch) * b_bytes(a, problem), device);
}

}  // namespace bsk
