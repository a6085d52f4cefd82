// Reading and writing matrices on the host. Files are written to a temporary name beside the target and
// renamed, so a crash leaves the old file or the new one. A truncated, malformed or lying file is refused
// with Error file_error that names the file and the line or field at fault.
#pragma once

#include <string>

#include <bsk/bsr.h>

namespace bsk {

/// Matrix Market coordinate file (real, integer or pattern; general or symmetric), 1-based.
[[nodiscard]] BSK_API CsrMatrix read_matrix_market(const std::string& path);
/// Writes stored elements that are nonzero as `coordinate real general`.
BSK_API void write_matrix_market(const std::string& path, const BsrView& a);

/// DLMC .smtx: "rows, cols, nnz", row offsets, column indices; pattern only, values come back empty.
/// Source: google-research/sputnik, Deep Learning Matrix Collection.
[[nodiscard]] BSK_API CsrMatrix read_smtx(const std::string& path);
BSK_API void write_smtx(const std::string& path, const CsrMatrix& csr);

/// safetensors with tensors `crow_indices` (I32 or I64) [block_rows + 1], `col_indices` [nnzb], `values`
/// [nnzb, block_m, block_k] (F16, BF16 or F32) and metadata `format: bsr`, `shape: "m,k"`, `block:
/// "block_m,block_k"`.
[[nodiscard]] BSK_API BsrMatrix read_safetensors(const std::string& path);
BSK_API void write_safetensors(const std::string& path, const BsrView& a);

/// By file extension (.mtx, .smtx, .safetensors). A CSR file becomes BSR of the given block and dtype, which
/// a BSR file ignores when block_m is 0 and is re-blocked to otherwise.
[[nodiscard]] BSK_API BsrMatrix read_bsr(const std::string& path, int block_m, int block_k, DType dtype);

}  // namespace bsk
