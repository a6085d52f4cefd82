#include <array>
#include <cstddef>
#include <utility>

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

constexpr std::size_t index_of(const SpmmSm90SmallConfig& config) {
    return (config.dtype == DType::bf16 ? 1U : 0U) | (config.c_dtype == DType::f32 ? 2U : 0U) |
           (config.unit == 16 ? 4U : 0U) | (config.b_layout == Layout::col_major ? 8U : 0U) |
           (config.c_layout == Layout::col_major ? 16U : 0U);
}

struct Instance {
    void (*prepare)();
    void (*launch)(const SpmmLaunch&, Stream);
};

template <std::size_t... kIndex>
constexpr std::array<Instance, kInstances> make_table(std::index_sequence<kIndex...> /*indices*/) {
    static_assert(((index_of(config_at(kIndex)) == kIndex) && ...));
    return {{{&prepare_spmm_sm90_small_instance<config_at(kIndex)>,
              &launch_spmm_sm90_small_instance<config_at(kIndex)>}...}};
}

constexpr std::array<Instance, kInstances> kTable = make_table(std::make_index_sequence<kInstances>{});

const Instance& instance_for(const SpmmLaunch& launch) {
    return kTable[index_of({launch.dtype, launch.c_dtype, unit_of(launch.block_m, launch.block_k),
                            launch.b_layout, launch.c_layout})];
}

}  // namespace

void prepare_spmm_sm90_small(const SpmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_spmm_sm90_small(const SpmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
