// A number that stands for a pattern.
#pragma once

#include <cstdint>
#include <vector>

namespace bsk {

/// Equal for equal index arrays; of two different patterns equal by accident once in 2^64.
[[nodiscard]] std::uint64_t pattern_signature(const std::vector<std::int32_t>& crow,
                                              const std::vector<std::int32_t>& col);

}  // namespace bsk
