"""The product of a sparse matrix, or of its transpose, with a dense one, through the cached plan."""

import torch

from .._ops import ops
from ..activations import NUMBERS
from ..bsr import Arrays
from ..layouts import layout_of, loadable
from ..plan import Plan
from ..plan_cache import cached_plan
from . import float64


def check_operands(arrays: Arrays, **dense: torch.Tensor) -> None:
    """Raise TypeError or ValueError where dtypes or devices differ, naming the argument."""
    crow_indices, col_indices, values, _ = arrays
    if values.dim() != 3:
        raise ValueError(f"values has {values.dim()} dimensions; expected [nnzb, block_m, block_k].")
    for argument, indices in (("crow_indices", crow_indices), ("col_indices", col_indices)):
        if indices.dtype not in (torch.int32, torch.int64):
            raise TypeError(f"{argument} is {indices.dtype}; expected int32 or int64.")
        if indices.device != values.device:
            raise ValueError(f"{argument} is on {indices.device} and values on {values.device}.")
    for argument, tensor in dense.items():
        if tensor.device != values.device:
            raise ValueError(f"{argument} is on {tensor.device} and values on {values.device}.")
        if tensor.dtype is not values.dtype:
            raise TypeError(f"{argument} is {tensor.dtype} and values {values.dtype}; expected one dtype.")


def check_matrix(argument: str, matrix: torch.Tensor, dim: int, size: int) -> None:
    """Raise ValueError unless `matrix` is one, with `size` along `dim`."""
    if matrix.dim() != 2:
        raise ValueError(f"{argument} has {matrix.dim()} dimensions; expected a matrix.")
    if matrix.shape[dim] != size:
        side = ("rows", "columns")[dim]
        raise ValueError(f"{argument} has {matrix.shape[dim]} {side}; expected {size}.")


def multiply(
    arrays: Arrays,
    B: torch.Tensor,
    out: torch.Tensor,
    transpose: bool,
    bias: torch.Tensor | None = None,
    activation: str = "none",
) -> None:
    """Write ``activation(op(A) @ B + bias[:, None])`` to `out`, row-major or the transpose of such."""
    values = arrays[2]
    if values.dtype is torch.float64:
        float64.multiply(arrays, B, out, transpose, bias, activation)
        return
    if out.numel() == 0:
        return
    B, (b_col_major, ldb, _) = loadable(B)
    out_col_major, ldc, _ = layout_of(out)
    transposed = ("", 1, 0, 0, "sparse", False, True) if transpose else ()
    key = (B.shape[1], values.dtype, b_col_major, out_col_major, ldb, ldc, *transposed)
    plan = cached_plan(arrays, key, Plan)
    values = values.contiguous()
    if bias is None and activation == "none":
        ops.spmm(plan.number, values, B, out, 1.0, 0.0)
    else:
        ops.spmm_fused(plan.number, values, B, out, 1.0, 0.0, bias, 0, None, NUMBERS[activation])
