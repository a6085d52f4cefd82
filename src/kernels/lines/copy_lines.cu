// A CTA copies kPerThread pieces for each of its threads: kLanes threads side by side along a line, the others on other
// lines. A piece is as many bytes as both matrices let a thread move at a time. Bound by memory.
#include "kernels/lines/copy_lines.h"

#include <bit>

#include "base/cuda.h"
#include "base/math.h"

namespace bsk {

namespace {

constexpr int kThreads = 256;
constexpr int kMostPieceBytes = 16;
template <class Piece>
constexpr int kPerThread = sizeof(Piece) == 2 ? 8 : 4;  // pieces in flight; docs/worklog/hopper-kernel.md

/// CTAs. A launch has fewer than 2^31: each moves 128 bytes or more of a copy that lies in memory.
struct Grid {
    unsigned along_line;
    unsigned of_matrix;
};

/// The pieces of a thread are kLanes apart, known to the compiler: adding up addresses took longer than memory did
/// (docs/worklog/hopper-kernel.md).
template <class Piece, int kLanes>
__global__ void __launch_bounds__(kThreads)
    copy_lines(const Grid grid, const Lines lines, const Piece* source, const LineStrides from, Piece* target,
               const LineStrides to, std::int64_t target_length) {
    constexpr int kSegment = kLanes * kPerThread<Piece>;
    const unsigned matrix = blockIdx.x / grid.of_matrix;
    const unsigned in_matrix = blockIdx.x - matrix * grid.of_matrix;
    const unsigned group = in_matrix / grid.along_line;  // of lines
    const unsigned segment = in_matrix - group * grid.along_line;
    const std::int64_t line = static_cast<std::int64_t>(group) * (kThreads / kLanes) + threadIdx.x / kLanes;
    const std::int64_t first = static_cast<std::int64_t>(segment) * kSegment + threadIdx.x % kLanes;
    if (line >= lines.count) {
        return;
    }
    source += matrix * from.matrix + line * from.line + first;
    target += matrix * to.matrix + line * to.line + first;
    const auto pieces_left = [&](std::int64_t length) {
        return static_cast<int>(max(min(length - first, std::int64_t{kSegment}), std::int64_t{0}));
    };
    const int source_left = pieces_left(lines.length);
    const int target_left = pieces_left(target_length);
    Piece values[kPerThread<Piece>];
#pragma unroll
    for (int i = 0; i < kPerThread<Piece>; ++i) {
        values[i] = i * kLanes < source_left ? source[i * kLanes] : Piece{};
    }
#pragma unroll
    for (int i = 0; i < kPerThread<Piece>; ++i) {
        if (i * kLanes < target_left) {
            target[i * kLanes] = values[i];
        }
    }
}

/// Strides and lengths in pieces.
template <class Piece>
struct Copy {
    Lines lines;
    std::int64_t batch;
    const Piece* source;
    LineStrides from;
    Piece* target;
    LineStrides to;
    std::int64_t target_length;
};

template <int kLanes, class Piece>
std::int64_t ctas_of_matrix(const Copy<Piece>& copy) {
    return ceil_div(copy.target_length, kLanes * kPerThread<Piece>) *
           ceil_div(copy.lines.count, kThreads / kLanes);
}

template <int kLanes, class Piece>
void launch_with(const Copy<Piece>& copy, Stream stream) {
    const std::int64_t ctas = ctas_of_matrix<kLanes>(copy);
    const Grid grid{static_cast<unsigned>(ceil_div(copy.target_length, kLanes * kPerThread<Piece>)),
                    static_cast<unsigned>(ctas)};
    copy_lines<Piece, kLanes>
        <<<static_cast<unsigned>(ctas * copy.batch), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
            grid, copy.lines, copy.source, copy.from, copy.target, copy.to, copy.target_length);
    check_cuda(cudaGetLastError(), "the launch of copy_lines");
}

/// With as many threads side by side as make the fewest CTAs; of those the most.
template <class Piece>
void launch_pieces(const Copy<Piece>& copy, Stream stream) {
    const std::int64_t wide = ctas_of_matrix<256>(copy);
    const std::int64_t middle = ctas_of_matrix<64>(copy);
    const std::int64_t narrow = ctas_of_matrix<16>(copy);
    if (wide * copy.batch == 0) {
        return;
    }
    if (wide <= middle && wide <= narrow) {
        launch_with<256>(copy, stream);
    } else if (middle <= narrow) {
        launch_with<64>(copy, stream);
    } else {
        launch_with<16>(copy, stream);
    }
}

/// The largest piece that everything is a multiple of, at most kMostPieceBytes.
int piece_bytes(const Copy<char>& bytes) {
    std::uint64_t all = reinterpret_cast<std::uintptr_t>(bytes.source) |
                        reinterpret_cast<std::uintptr_t>(bytes.target) | kMostPieceBytes;
    const auto add = [&](std::int64_t count) { all |= static_cast<std::uint64_t>(count); };
    add(bytes.lines.length);
    add(bytes.target_length);
    if (bytes.lines.count > 1) {
        add(bytes.from.line);
        add(bytes.to.line);
    }
    if (bytes.batch > 1) {
        add(bytes.from.matrix);
        add(bytes.to.matrix);
    }
    return 1 << std::countr_zero(all);
}

template <class Piece>
void prepare_pieces() {
    cudaFuncAttributes attributes{};
    for (const auto kernel : {copy_lines<Piece, 16>, copy_lines<Piece, 64>, copy_lines<Piece, 256>}) {
        check_cuda(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes(copy_lines)");
    }
}

}  // namespace

void prepare_copy_lines() {
    prepare_pieces<std::uint16_t>();
    prepare_pieces<std::uint32_t>();
    prepare_pieces<uint2>();
    prepare_pieces<uint4>();
}

void launch_copy_lines(const Lines& lines, std::int64_t batch, int element_bytes, const void* source,
                       const LineStrides& from, void* target, const LineStrides& to,
                       std::int64_t target_length, Stream stream) {
    const auto bytes = [&](const LineStrides& strides) {
        return LineStrides{strides.line * element_bytes, strides.matrix * element_bytes};
    };
    const Copy<char> copy{{lines.count, lines.length * element_bytes},
                          batch,
                          static_cast<const char*>(source),
                          bytes(from),
                          static_cast<char*>(target),
                          bytes(to),
                          target_length * element_bytes};
    const auto launch_as = [&]<class Piece>(const Piece* pieces) {
        constexpr std::int64_t kBytes = sizeof(Piece);
        launch_pieces<Piece>({{copy.lines.count, copy.lines.length / kBytes},
                              batch,
                              pieces,
                              {copy.from.line / kBytes, copy.from.matrix / kBytes},
                              static_cast<Piece*>(target),
                              {copy.to.line / kBytes, copy.to.matrix / kBytes},
                              copy.target_length / kBytes},
                             stream);
    };
    switch (piece_bytes(copy)) {
        case 16: return launch_as(static_cast<const uint4*>(source));
        case 8: return launch_as(static_cast<const uint2*>(source));
        case 4: return launch_as(static_cast<const std::uint32_t*>(source));
        default: return launch_as(static_cast<const std::uint16_t*>(source));
    }
}

}  // namespace bsk
