"""stk's operations. Their letters say dense or sparse: of the result, the left and the right operand."""

import torch

from .. import functional
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


def to_dense(A: Matrix) -> torch.Tensor:
    """A dense tensor."""
    return A.bsr.to_dense()


def to_sparse(dense: torch.Tensor, blocking: int = 128) -> Matrix:
    """The blocks that hold a nonzero."""
    return Matrix.of(BSRMatrix.from_dense(dense, (blocking, blocking)))
