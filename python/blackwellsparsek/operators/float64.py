"""Products in double precision by torch, for torch.autograd.gradcheck: the kernels have none."""

import torch

from ..activations import apply
from ..bsr import Arrays, BSRMatrix


def multiply(
    arrays: Arrays,
    B: torch.Tensor,
    out: torch.Tensor,
    transpose: bool,
    bias: torch.Tensor | None,
    activation: str,
) -> None:
    """As `multiply.multiply`."""
    dense = BSRMatrix(*arrays, transposed=transpose).to_dense()
    product = dense @ B
    out.copy_(apply(activation, product if bias is None else product + bias[:, None]))


def sample(arrays: Arrays, D1: torch.Tensor, D2: torch.Tensor, out: torch.Tensor) -> None:
    """As `sampled.sample`."""
    pattern = BSRMatrix(*arrays)
    out.copy_(BSRMatrix.from_dense(D1 @ D2, pattern.block, pattern.mask()).values)
