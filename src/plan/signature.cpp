#include "plan/signature.h"

#include "format/random.h"

namespace bsk {

std::uint64_t pattern_signature(const std::vector<std::int32_t>& crow, const std::vector<std::int32_t>& col) {
    std::uint64_t signature = mix64(crow.size());
    for (const std::vector<std::int32_t>* indices : {&crow, &col}) {
        for (const std::int32_t index : *indices) {
            signature = mix64(signature ^ static_cast<std::uint32_t>(index)) + 0x9e3779b97f4a7c15U;
        }
    }
    return signature;
}

}  // namespace bsk
