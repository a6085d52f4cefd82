"""The names of Stanford's stk library, for MegaBlocks-like code: ``from blackwellsparsek import stk``.

``stk.Matrix`` makes a BSRMatrix, with transposes as views; ``stk.ops`` multiplies. The letters of an
operation say sparse or dense: of the result, the left and the right operand.
"""

from types import SimpleNamespace

import torch

from . import functional, operators
from .bsr import BSRMatrix


def Matrix(
    size: tuple[int, int],
    data: torch.Tensor,
    row_indices: torch.Tensor,
    column_indices: torch.Tensor,
    offsets: torch.Tensor,
    *_transposed: torch.Tensor,
) -> BSRMatrix:
    """A matrix from stk's arrays; `row_indices` and the arrays of the transpose follow from the others."""
    return BSRMatrix(offsets, column_indices, data, tuple(size))


def dsd(A: BSRMatrix, B: torch.Tensor) -> torch.Tensor:
    """Dense = sparse @ dense."""
    return functional.matmul(A, B)


def dds(A: torch.Tensor, B: BSRMatrix) -> torch.Tensor:
    """Dense = dense @ sparse."""
    return operators.dds(A, *B.arrays, False, B.transposed)


def sdd(A: torch.Tensor, B: torch.Tensor, topology: BSRMatrix) -> BSRMatrix:
    """The blocks of dense @ dense that `topology` stores."""
    return functional.sampled_matmul(A, B, topology)


def dss(A: BSRMatrix, B: BSRMatrix) -> torch.Tensor:
    """Dense = sparse @ sparse."""
    return operators.dss(*A.arrays, *B.arrays, A.transposed, B.transposed)


def to_dense(A: BSRMatrix) -> torch.Tensor:
    """A dense tensor."""
    return A.to_dense()


def to_sparse(dense: torch.Tensor, blocking: int = 128) -> BSRMatrix:
    """The blocks that hold a nonzero."""
    return BSRMatrix.from_dense(dense, (blocking, blocking))


ops = SimpleNamespace(dsd=dsd, dds=dds, sdd=sdd, dss=dss, to_dense=to_dense, to_sparse=to_sparse)
