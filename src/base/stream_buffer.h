// Device memory for the span of a few launches, in the order of a stream.
#pragma once

#include <cstddef>

#include <bsk/types.h>

namespace bsk {

/// Bytes on the current CUDA device that what is enqueued on `stream` may use between construction and
/// destruction. Neither synchronises, and both are legal in CUDA-graph capture, where the memory becomes the graph's. They come
/// from a pool of this library for the device, which keeps what was freed for the next, so that this costs
/// microseconds. Zero bytes allocate nothing.
class StreamBuffer {
public:
    /// Makes the pool of the current device, which capture does not allow: once, before the first buffer.
    /// @throws Error cuda_error
    static void prepare();

    /// @throws Error out_of_memory, cuda_error
    StreamBuffer(std::size_t bytes, Stream stream);
    ~StreamBuffer();
    StreamBuffer(const StreamBuffer&) = delete;
    StreamBuffer& operator=(const StreamBuffer&) = delete;

    [[nodiscard]] void* data() const { return data_; }

private:
    void* data_ = nullptr;
    Stream stream_;
};

}  // namespace bsk
