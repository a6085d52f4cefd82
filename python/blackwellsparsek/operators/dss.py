"""torch.ops.bsk.dss: the dense product of two sparse matrices."""

import torch

from ..bsr import BSRMatrix
from .library import register_composite
from .products import ARRAYS, dds, dsd


def dss(
    crow_indices,
    col_indices,
    values,
    shape,
    b_crow_indices,
    b_col_indices,
    b_values,
    b_shape,
    transpose_a=False,
    transpose_b=False,
) -> torch.Tensor:
    """Expand the matrix whose blocks would save less, and multiply it by the other one's blocks."""
    A = BSRMatrix(crow_indices, col_indices, values, tuple(shape), transpose_a)
    B = BSRMatrix(b_crow_indices, b_col_indices, b_values, tuple(b_shape), transpose_b)
    if A.values.numel() * B.shape[1] <= B.values.numel() * A.shape[0]:
        return dsd(*A.arrays, B.to_dense(), transpose_a, False)
    return dds(A.to_dense(), *B.arrays, False, transpose_b)


register_composite(
    f"dss({ARRAYS}, Tensor b_crow_indices, Tensor b_col_indices, Tensor b_values, SymInt[2] b_shape, "
    "bool transpose_a=False, bool transpose_b=False) -> Tensor",
    dss,
)
