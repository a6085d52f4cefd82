// BSR matrices in safetensors files (https://github.com/huggingface/safetensors): the length of the header in
// 8 bytes, the header in JSON, the arrays one after the other. Numbers are little-endian.
#pragma once

#include <bit>
#include <cstdint>

namespace bsk::safetensors {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian");

constexpr std::int64_t kLengthBytes = 8;

struct TypeName {
    const char* name;
    std::int64_t bytes;
};

constexpr TypeName kIndexNames[] = {{"I32", 4}, {"I64", 8}};               // in the order of IndexType
constexpr TypeName kValueNames[] = {{"F16", 2}, {"BF16", 2}, {"F32", 4}};  // in the order of DType

}  // namespace bsk::safetensors
