// Numbers for the instances of a Hopper kernel, every combination of two element types, two sizes where it has any, and
// two layouts; and their table, in which the host looks one up.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include <bsk/types.h>

namespace bsk {

/// Config is an aggregate {dtype, result dtype, size, layout, layout}, its size one of the two kSizes; or there are none,
/// and it has no size.
template <class Config, int... kSizes>
struct ConfigSpace {
    static constexpr std::size_t kPerSize = 16;
    static constexpr bool kHasSize = sizeof...(kSizes) == 2;
    static_assert(kHasSize || sizeof...(kSizes) == 0);
    static constexpr std::size_t kCount = kHasSize ? 2 * kPerSize : kPerSize;

    static constexpr Config at(std::size_t i) {
        const DType dtype = (i & 1U) != 0 ? DType::bf16 : DType::f16;
        const DType result = (i & 2U) != 0 ? DType::f32 : dtype;
        const Layout first = (i & 4U) != 0 ? Layout::col_major : Layout::row_major;
        const Layout second = (i & 8U) != 0 ? Layout::col_major : Layout::row_major;
        if constexpr (kHasSize) {
            return {dtype, result, std::array{kSizes...}[i / kPerSize], first, second};
        } else {
            return {dtype, result, first, second};
        }
    }

    static constexpr std::size_t index_of(const Config& config) {
        if constexpr (kHasSize) {
            const auto [dtype, result, size, first, second] = config;
            return index_of(dtype, result, first, second) + (size == std::array{kSizes...}[0] ? 0 : kPerSize);
        } else {
            const auto [dtype, result, first, second] = config;
            return index_of(dtype, result, first, second);
        }
    }

private:
    static constexpr std::size_t index_of(DType dtype, DType result, Layout first, Layout second) {
        return (dtype == DType::bf16 ? 1U : 0U) | (result == DType::f32 ? 2U : 0U) |
               (first == Layout::col_major ? 4U : 0U) | (second == Layout::col_major ? 8U : 0U);
    }
};

/// What the host knows of one instance.
template <class Launch>
struct KernelInstance {
    void (*prepare)();
    void (*launch)(const Launch&, Stream);
};

/// The instances of a space by their numbers; `instance_of` is a lambda with a Config as its template parameter.
template <class Space, class InstanceOf>
constexpr auto make_table(InstanceOf instance_of) {
    return [&]<std::size_t... kIndex>(std::index_sequence<kIndex...> /*numbers*/) {
        static_assert(((Space::index_of(Space::at(kIndex)) == kIndex) && ...));
        return std::array{instance_of.template operator()<Space::at(kIndex)>()...};
    }
    (std::make_index_sequence<Space::kCount>{});
}

}  // namespace bsk
