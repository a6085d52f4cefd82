// Several arrays of a plan as one upload.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/math.h"

namespace bsk {

/// Packs arrays behind each other, each aligned for the widest load of a kernel.
class Packer {
public:
    /// Leaves room for `at_least` elements.
    template <class T>
    std::size_t add(const std::vector<T>& array, std::int64_t at_least = 0) {
        const std::size_t offset = bytes_.size();
        const std::size_t size = array.size() * sizeof(T);
        const std::size_t room = std::max(size, static_cast<std::size_t>(at_least) * sizeof(T));
        bytes_.resize(offset +
                      static_cast<std::size_t>(round_up(static_cast<std::int64_t>(room), kAlignment)));
        if (size > 0) {
            std::memcpy(bytes_.data() + offset, array.data(), size);
        }
        return offset;
    }
    /// Room for `count` elements that the host does not fill.
    template <class T>
    std::size_t reserve(std::int64_t count) {
        return add(std::vector<T>(), count);
    }
    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

private:
    static constexpr std::int64_t kAlignment = 16;
    std::vector<std::byte> bytes_;
};

}  // namespace bsk
