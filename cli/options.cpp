#include "cli/options.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/math.h"

namespace bsk::cli {
namespace {

constexpr std::array kSides{"16", "32", "64", "128", "256"};

int parse_side(const std::string& text) {
    const auto* found = std::ranges::find(kSides, text);
    if (found == kSides.end()) {
        throw CLI::ValidationError(
            fmt::format("block side \"{}\" is not one of {}", text, fmt::join(kSides, ", ")));
    }
    return std::stoi(text);
}

std::string block_error(const std::string& text) {
    try {
        static_cast<void>(parse_block(text));
    } catch (const CLI::ValidationError& error) {
        return error.what();
    }
    return {};
}

}  // namespace

const CLI::Validator kIsBlock(block_error, "SIDE|MxK");
const CLI::Range kIsSize(std::int64_t{1}, kInt32Max, "SIZE");

BlockSize parse_block(const std::string& text) {
    const std::size_t cross = text.find('x');
    if (cross == std::string::npos) {
        const int side = parse_side(text);
        return {side, side};
    }
    return {parse_side(text.substr(0, cross)), parse_side(text.substr(cross + 1))};
}

const std::map<std::string, DType>& dtypes() {
    static const std::map<std::string, DType> names{
        {name(DType::f16), DType::f16}, {name(DType::bf16), DType::bf16}, {name(DType::f32), DType::f32}};
    return names;
}

const std::map<std::string, Pattern>& patterns() {
    static const std::map<std::string, Pattern> names = [] {
        std::map<std::string, Pattern> result;
        for (const Pattern pattern : {Pattern::uniform, Pattern::banded, Pattern::block_diagonal,
                                      Pattern::power_law, Pattern::causal}) {
            result.emplace(name(pattern), pattern);
        }
        return result;
    }();
    return names;
}

}  // namespace bsk::cli
