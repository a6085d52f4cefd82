// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

#include <bsk/types.h>

namespace bsk {

/// What kind of thing went wrong. The numbers are those of the C ABI (bsk.h).
enum class ErrorCode : int {
    invalid_argument = 1,  ///< a shape, layout, leading dimension or option is wrong
    invalid_pattern = 2,   ///< crow_indices / col_indices do not form a BSR pattern
    dtype_mismatch = 3,
    device_mismatch = 4,  ///< CPU and CUDA data mixed, or two CUDA devices
    misaligned = 5,       ///< a pointer or leading dimension breaks the alignment a kernel needs
    too_large = 6,        ///< a size passes int32 where the kernels index with int32
    unsupported = 7,      ///< no kernel computes this case here
    file_error = 8,       ///< a file cannot be read, written, or lies about its contents
    cuda_error = 9,       ///< a CUDA call failed; the message names it
    out_of_memory = 10,
    internal = 11,
};

/// Thrown by every function of the library that fails. The message is a sentence that names the
/// argument, what was got, what was expected and what to do. Outputs are untouched when it is thrown.
class BSK_API Error : public std::runtime_error {
public:
    Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
    [[nodiscard]] ErrorCode code() const noexcept { return code_; }

private:
    ErrorCode code_;
};

}  // namespace bsk
