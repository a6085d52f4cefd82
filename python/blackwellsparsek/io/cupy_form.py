"""CuPy's sparse matrices as blocks, and back, without leaving the GPU."""

from typing import TYPE_CHECKING

import torch

from ..arrays import tensor_of
from ..bsr import BSRMatrix
from ..reblock import Blocking

if TYPE_CHECKING:
    import cupyx.scipy.sparse


def from_cupy(matrix: "cupyx.scipy.sparse.spmatrix", block: int, dtype: torch.dtype) -> BSRMatrix:
    """Convert a CuPy matrix of any format, on its GPU; duplicates are summed."""
    if not hasattr(getattr(matrix, "data", None), "__cuda_array_interface__"):
        raise TypeError(f"matrix is a {type(matrix).__name__}; expected a matrix of cupyx.scipy.sparse.")
    coo = matrix.tocoo()
    rows, cols, nonzeros = (tensor_of(array) for array in (coo.row, coo.col, coo.data))
    blocking = Blocking.of(rows.long(), cols.long(), coo.shape, block)
    values = blocking.fill(nonzeros).to(dtype)
    return BSRMatrix(blocking.crow_indices, blocking.col_indices, values, tuple(coo.shape))


def to_cupy(A: BSRMatrix) -> "cupyx.scipy.sparse.csr_matrix":
    """Convert to a CuPy CSR matrix of float32 that holds every element of the blocks."""
    import cupy
    import cupyx.scipy.sparse

    rows, cols = A.places()
    inside = (rows < A.shape[0]) & (cols < A.shape[1])  # edge blocks are padded
    parts = (A.values.detach().float()[inside], rows[inside].int(), cols[inside].int())
    data, row, col = map(cupy.from_dlpack, parts)
    return cupyx.scipy.sparse.coo_matrix((data, (row, col)), shape=A.shape).tocsr()
