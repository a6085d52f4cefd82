#include "format/matrix.h"

#include <new>

#include "base/check.h"

namespace bsk {
namespace {

void check_size(const char* name, std::int64_t size) {
    require(size >= 0, ErrorCode::invalid_argument, "{} is {}; a size must not be negative", name, size);
    require(size <= kInt32Max, ErrorCode::too_large, "{} is {}; sizes up to {} are supported", name, size,
            kInt32Max);
}

void check_block_side(const char* name, int side) {
    const bool known = side == 16 || side == 32 || side == 64 || side == 128 || side == 256;
    require(known, ErrorCode::invalid_argument, "{} is {}; a block side must be 16, 32, 64, 128 or 256", name,
            side);
}

}  // namespace

BsrView BsrMatrix::view() const {
    BsrView a;
    a.m = m;
    a.k = k;
    a.block_m = block_m;
    a.block_k = block_k;
    a.nnzb = nnzb();
    a.crow_indices = crow_indices.data();
    a.col_indices = col_indices.data();
    a.dtype = dtype;
    a.values = values.data();
    return a;
}

void check_sizes(std::int64_t m, std::int64_t k, int block_m, int block_k) {
    check_size("m", m);
    check_size("k", k);
    check_block_side("block_m", block_m);
    check_block_side("block_k", block_k);
}

void check_block_count(std::int64_t nnzb) {
    require(nnzb <= kInt32Max, ErrorCode::too_large,
            "the matrix has {} stored blocks; up to {} are supported: use larger blocks", nnzb, kInt32Max);
}

BsrMatrix make_matrix(std::int64_t m, std::int64_t k, int block_m, int block_k, DType dtype) {
    check_sizes(m, k, block_m, block_k);
    BsrMatrix a;
    a.m = m;
    a.k = k;
    a.block_m = block_m;
    a.block_k = block_k;
    a.dtype = dtype;
    a.crow_indices.assign(static_cast<std::size_t>(ceil_div(m, block_m) + 1), 0);
    return a;
}

std::vector<std::byte> zero_bytes(std::int64_t bytes) {
    try {
        return std::vector<std::byte>(static_cast<std::size_t>(bytes));
    } catch (const std::bad_alloc&) {
        fail(ErrorCode::out_of_memory, "no memory for {} bytes of values; make the matrix smaller", bytes);
    }
}

void allocate_values(BsrMatrix& a) {
    a.values = zero_bytes(a.nnzb() * a.block_m * a.block_k * size_of(a.dtype));
}

}  // namespace bsk
