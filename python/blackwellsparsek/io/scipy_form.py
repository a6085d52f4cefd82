"""SciPy matrices as blocks, and back."""

from typing import TYPE_CHECKING

import torch

from ..blocks import block_of
from ..bsr import BSRMatrix, as_bsr

if TYPE_CHECKING:
    import scipy.sparse


def from_scipy(
    matrix: "scipy.sparse.spmatrix", block: tuple[int, int] | None = None, dtype: torch.dtype = torch.float16
) -> torch.Tensor:
    """Convert a SciPy sparse matrix to a torch.sparse_bsr tensor on the CPU.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array
        Of any format. Duplicates are summed; explicit zeros do not make a block stored.
    block : (block_m, block_k), optional
        Needed unless `matrix` is in BSR form, whose own blocks are kept by default.
    dtype : torch.dtype
        Of the result's values.
    """
    import numpy as np

    if not hasattr(matrix, "tocsr"):
        raise TypeError(f"matrix is a {type(matrix).__name__}; expected a SciPy sparse matrix.")
    if block is not None:
        block = block_of(block)
    if np.iscomplexobj(matrix):
        raise ValueError("The matrix is complex; expected real values.")
    if matrix.format != "bsr" or (block is not None and block != matrix.blocksize):
        if block is None:
            raise ValueError(f"The matrix is in {matrix.format} form; pass block=(block_m, block_k).")
        csr = matrix.tocsr(copy=True).astype(np.float32)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        csr.resize(*(-(-size // side) * side for size, side in zip(csr.shape, block, strict=True)))
        matrix = csr.tobsr(blocksize=block)
    matrix = matrix.copy()
    matrix.sum_duplicates()
    matrix.sort_indices()
    return bsr_tensor(
        torch.from_numpy(matrix.indptr),
        torch.from_numpy(matrix.indices),
        torch.from_numpy(matrix.data).to(dtype),
        matrix.shape,
    )


def to_scipy(A: torch.Tensor | BSRMatrix) -> "scipy.sparse.bsr_matrix":
    """Convert to a SciPy BSR matrix of float32 (SciPy knows no 16-bit values), whose arrays are copies."""
    import scipy.sparse

    stored = as_bsr(A).contiguous()
    stored.require_whole_blocks("SciPy's BSR form")
    arrays = (stored.values.float(), stored.col_indices, stored.crow_indices)
    data, indices, indptr = (array.detach().cpu().numpy() for array in arrays)
    return scipy.sparse.bsr_matrix((data, indices, indptr), shape=stored.shape, copy=True)


def bsr_tensor(
    crow_indices: torch.Tensor, col_indices: torch.Tensor, values: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    """A checked torch.sparse_bsr tensor; ValueError where the arrays form none."""
    try:
        return torch.sparse_bsr_tensor(crow_indices, col_indices, values, size=shape, check_invariants=True)
    except RuntimeError as error:
        raise ValueError(f"the arrays form no BSR matrix: {error}") from error
