#include <array>
#include <cstddef>
#include <utility>

#include "kernels/sm90/config.h"
#include "kernels/sm90/spmm_sm90.h"

namespace bsk {

namespace {

/// Every combination that instances/ holds.
constexpr std::size_t kInstances = 32;

constexpr SpmmSm90Config config_at(std::size_t i) {
    const DType dtype = (i & 1U) != 0 ? DType::bf16 : DType::f16;
    return {dtype, (i & 2U) != 0 ? DType::f32 : dtype, (i & 4U) != 0 ? 64 : 128,
            (i & 8U) != 0 ? Layout::col_major : Layout::row_major,
            (i & 16U) != 0 ? Layout::col_major : Layout::row_major};
}

constexpr std::size_t index_of(const SpmmSm90Config& config) {
    return (config.dtype == DType::bf16 ? 1U : 0U) | (config.c_dtype == DType::f32 ? 2U : 0U) |
           (config.tile_m == 64 ? 4U : 0U) | (config.b_layout == Layout::col_major ? 8U : 0U) |
           (config.c_layout == Layout::col_major ? 16U : 0U);
}

struct Instance {
    void (*prepare)();
    void (*launch)(const SpmmLaunch&, Stream);
};

template <std::size_t... kIndex>
constexpr std::array<Instance, kInstances> make_table(std::index_sequence<kIndex...> /*indices*/) {
    static_assert(((index_of(config_at(kIndex)) == kIndex) && ...));
    return {
        {{&prepare_spmm_sm90_instance<config_at(kIndex)>, &launch_spmm_sm90_instance<config_at(kIndex)>}...}};
}

constexpr std::array<Instance, kInstances> kTable = make_table(std::make_index_sequence<kInstances>{});

const Instance& instance_for(const SpmmLaunch& launch) {
    return kTable[index_of(
        {launch.dtype, launch.c_dtype, launch.choice.tile_m, launch.b_layout, launch.c_layout})];
}

}  // namespace

void prepare_spmm_sm90(const SpmmLaunch& launch) {
    instance_for(launch).prepare();
}

void launch_spmm_sm90(const SpmmLaunch& launch, Stream stream) {
    instance_for(launch).launch(launch, stream);
}

}  // namespace bsk
