// Option values that several commands take.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include <bsk/bsr.h>
#include <bsk/types.h>

namespace bsk::cli {

struct BlockSize {
    int m = 0;
    int k = 0;
};

/// "64" or "128x64" (block_m x block_k), each side one of 16, 32, 64, 128, 256. @throws CLI::ValidationError.
[[nodiscard]] BlockSize parse_block(const std::string& text);
/// Checks an option's text by parse_block().
extern const CLI::Validator kIsBlock;
/// Checks for a size from 1 to 2^31 - 1.
extern const CLI::Range kIsSize;

/// The dtypes by the names the library gives them; CLI::IsMember takes the map.
[[nodiscard]] const std::map<std::string, DType>& dtypes();
[[nodiscard]] const std::map<std::string, Pattern>& patterns();

}  // namespace bsk::cli
