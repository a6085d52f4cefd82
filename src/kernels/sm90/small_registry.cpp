#include <array>
#include <cstddef>
#include <utility>

#include "base/check.h"
#include "kernels/sm90/small_config.h"
#include "kernels/sm90/spmm_sm90_small.h"

namespace bsk {

namespace {

/// Every combination that instances/ holds.
constexpr std::size_t kInstances = 32;

constexpr SpmmSm90SmallConfig config_at(std::size_t i) {
    const DType dtype = (i & 1U) != 0 ? DType::bf16 : DType::f16;
    return {dtype, (i & 2U) != 0 ? DType::f32 : dtype, (i & 4U) != 0 ? 16 : 32,
            (i & 8U) != 0 ? Layout::col_major : Layout::row_major,
            (i & 16U) != 0 ? Layout::col_major : Layout::row_major};
}

struct Instance {
    SpmmSm90SmallConfig config;
    void (*prepare)();
    void (*launch)(const SpmmLaunch&, Stream);
};

template <std::size_t... kIndex>
constexpr std::array<Instance, kInstances> make_table(std::index_sequence<kIndex...> /*indices*/) {
    return {{{config_at(kIndex), &prepare_spmm_sm90_small_instance<config_at(kIndex)>,
              &launch_spmm_sm90_small_instance<config_at(kIndex)>}...}};
}

constexpr std::array<Instance, kInstances> kTable = make_table(std::make_index_sequence<kInstances>{});

const Instance& find(const SpmmLaunch& launch) {
    const SpmmSm90SmallConfig config{launch.dtype, launch.c_dtype, unit_of(launch.block_m, launch.block_k),
                                     launch.b_layout, launch.c_layout};
    for (const Instance& instance : kTable) {
        if (instance.config == config) {
            return instance;
        }
    }
    fail(ErrorCode::internal, "spmm_sm90_small has no instance for {} -> {} and blocks of {}x{}.",
         name(launch.dtype), name(launch.c_dtype), launch.block_m, launch.block_k);
}

}  // namespace

void prepare_spmm_sm90_small(const SpmmLaunch& launch) {
    find(launch).prepare();
}

void launch_spmm_sm90_small(const SpmmLaunch& launch, Stream stream) {
    find(launch).launch(launch, stream);
}

}  // namespace bsk
