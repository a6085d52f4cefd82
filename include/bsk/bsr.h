// The BSR (block compressed sparse row) format on the host: views, owning matrices, validation,
// conversion, statistics and generation. Nothing here needs a GPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <bsk/types.h>

namespace bsk {

/// Non-owning view of an m x k BSR matrix, on the host or on a CUDA device (`device`).
///
/// m and k are the logical sizes. They need not be multiples of the block: the last block row and
/// column are then stored padded, and the padding must hold zeros.
struct BsrView {
    std::int64_t m = 0;
    std::int64_t k = 0;
    int block_m = 0;  ///< each of 16, 32, 64, 128, 256
    int block_k = 0;
    std::int64_t nnzb = 0;  ///< number of stored blocks
    IndexType index_type = IndexType::i32;
    const void* crow_indices = nullptr;  ///< [block_rows + 1], non-decreasing from 0 to nnzb
    const void* col_indices = nullptr;   ///< [nnzb], strictly increasing within a block row
    DType dtype = DType::f16;
    const void* values =
        nullptr;  ///< [nnzb, block_m, block_k] row-major; may be null where only the pattern is read
    Device device;

    [[nodiscard]] std::int64_t block_rows() const { return block_m > 0 ? (m + block_m - 1) / block_m : 0; }
    [[nodiscard]] std::int64_t block_cols() const { return block_k > 0 ? (k + block_k - 1) / block_k : 0; }
};

/// BSR matrix that owns its arrays in host memory.
struct BsrMatrix {
    std::int64_t m = 0;
    std::int64_t k = 0;
    int block_m = 0;
    int block_k = 0;
    DType dtype = DType::f16;
    std::vector<std::int32_t> crow_indices;  ///< [block_rows + 1]
    std::vector<std::int32_t> col_indices;   ///< [nnzb]
    std::vector<std::byte> values;           ///< [nnzb, block_m, block_k] elements of `dtype`

    [[nodiscard]] std::int64_t nnzb() const { return static_cast<std::int64_t>(col_indices.size()); }
    [[nodiscard]] BSK_API BsrView view() const;
};

/// Unstructured m x k matrix in CSR form, in host memory.
struct CsrMatrix {
    std::int64_t m = 0;
    std::int64_t k = 0;
    std::vector<std::int64_t> crow_indices;  ///< [m + 1]
    std::vector<std::int32_t> col_indices;   ///< [nnz]
    std::vector<float> values;               ///< [nnz], or empty: pattern only, every entry counts as 1
};

/// Checks sizes, block sides and the pattern of a host view: monotone crow_indices from 0 to nnzb, columns in
/// range, strictly increasing within a block row, nnzb and sizes within int32.
/// @throws Error invalid_argument, invalid_pattern (names the first block row at fault) or too_large.
BSK_API void validate(const BsrView& a);

/// Blocks of `dense` (any layout, dtype kept) that hold a nonzero (NaN counts as nonzero). As every conversion here it
/// reads host memory and throws Error invalid_argument, invalid_pattern or too_large for what validate() refuses,
/// device_mismatch for a view on a CUDA device, out_of_memory.
[[nodiscard]] BSK_API BsrMatrix bsr_from_dense(const ConstMatrixView& dense, int block_m, int block_k);

/// Writes all m x k elements of `out`, zeros included. @throws Error dtype_mismatch where the dtypes differ.
BSK_API void bsr_to_dense(const BsrView& a, const MatrixView& out);

/// Stored blocks are those that hold an entry with a nonzero value; sizes that are not multiples of the block
/// are padded. Duplicate entries are summed. @throws Error invalid_pattern for a malformed CSR matrix.
[[nodiscard]] BSK_API BsrMatrix bsr_from_csr(const CsrMatrix& csr, int block_m, int block_k, DType dtype);

/// A transposed: k x m with blocks of block_k x block_m.
[[nodiscard]] BSK_API BsrMatrix transpose(const BsrView& a);

/// The same matrix in blocks of another size; new blocks without a nonzero are dropped.
[[nodiscard]] BSK_API BsrMatrix reblock(const BsrView& a, int block_m, int block_k);

struct BsrStatistics {
    double density = 0;  ///< nnzb*block_m*block_k / (padded m * padded k)
    double fill = 0;  ///< nonzero share of the stored values; 0 where nothing is stored; NaN without values
    std::int64_t empty_block_rows = 0;
    std::int64_t min_row_blocks = 0;  ///< stored blocks in the shortest block row
    std::int64_t max_row_blocks = 0;
    double mean_row_blocks = 0;
    double imbalance = 0;  ///< max_row_blocks / mean_row_blocks; 0 for an empty matrix
};

/// @throws Error as validate().
[[nodiscard]] BSK_API BsrStatistics statistics(const BsrView& a);

enum class Pattern : int { uniform = 0, banded, block_diagonal, power_law, causal };

struct GenerateOptions {
    Pattern pattern = Pattern::uniform;
    std::int64_t m = 0;
    std::int64_t k = 0;
    int block_m = 64;
    int block_k = 64;
    double density = 0.22;  ///< in [0, 1]: share of blocks stored (uniform, banded, power_law), exact to one
                            ///< block; causal and block_diagonal ignore it
    DType dtype = DType::f16;
    std::uint64_t seed = 0;
};

/// A random matrix, bit for bit the same on every machine for the same options: values are close to normal
/// (mean 0, variance 1; a sum of uniform integers, so that no libm is involved).
[[nodiscard]] BSK_API BsrMatrix generate(const GenerateOptions& options);

/// `count` elements of the same distribution, for dense operands; `stream_id` separates matrices of one seed.
[[nodiscard]] BSK_API std::vector<std::byte> generate_dense(std::int64_t count, DType dtype,
                                                            std::uint64_t seed, std::uint64_t stream_id);

/// "uniform", "banded", "block_diagonal", "power_law", "causal".
[[nodiscard]] BSK_API const char* name(Pattern pattern);
/// @throws Error invalid_argument that lists the names.
[[nodiscard]] BSK_API Pattern pattern_from_name(const std::string& name);

}  // namespace bsk
