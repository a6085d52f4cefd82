"""stk's operations. Their letters say dense or sparse: of the result, the left and the right operand."""

import torch

from .. import functional
from ..blocks import block_rows_of
from ..bsr import BSRMatrix
from ..spmm import sparse_mm
from .matrix import Matrix


def dsd(A: Matrix, B: torch.Tensor) -> torch.Tensor:
    """Sparse times dense."""
    return sparse_mm(A.bsr, B)


def dds(A: torch.Tensor, B: Matrix) -> torch.Tensor:
    """Dense times sparse."""
    return sparse_mm(A, B.bsr)


def dss(A: Matrix, B: Matrix) -> torch.Tensor:
    """Sparse times sparse."""
    return sparse_mm(A.bsr, B.bsr)


def sdd(A: torch.Tensor, B: torch.Tensor, topology: Matrix) -> Matrix:
    """The blocks of dense times dense that `topology` stores."""
    return Matrix.of(functional.sampled_matmul(A, B, topology.bsr))


def mul(A: Matrix, B: Matrix) -> Matrix:
    """Element by element, of two matrices of one topology: the index tensors are those of `A`."""
    if A.size() != B.size() or A.is_transposed() != B.is_transposed() or A.data.shape != B.data.shape:
        raise ValueError(
            f"A is {tuple(A.size())} and its data is {tuple(A.data.shape)}, B is {tuple(B.size())} and its "
            f"data is {tuple(B.data.shape)}; expected one topology, transposed in both or in neither."
        )
    return Matrix.of(A.bsr.with_values(A.data * B.data))


def sum(A: Matrix) -> torch.Tensor:
    """Of all elements."""
    return A.data.sum()


def ones_like(A: Matrix) -> Matrix:
    """Ones at the topology of `A`."""
    return Matrix.of(A.bsr.with_values(torch.ones_like(A.data)))


def transpose(A: Matrix) -> Matrix:
    """A view, as `A.t()`."""
    return A.t()


def row_indices(
    shape: tuple[int, int], data: torch.Tensor, offsets: torch.Tensor, column_indices: torch.Tensor
) -> torch.Tensor:
    """The block row of each stored block; `shape` and `data` are not read."""
    return block_rows_of(offsets, column_indices.shape[0]).to(column_indices.dtype)


def to_dense(A: Matrix) -> torch.Tensor:
    """A dense tensor."""
    return A.bsr.to_dense()


def to_sparse(dense: torch.Tensor, blocking: int = 128) -> Matrix:
    """The blocks that hold a nonzero."""
    return Matrix.of(BSRMatrix.from_dense(dense, (blocking, blocking)))
