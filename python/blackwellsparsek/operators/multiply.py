"""The product of a sparse matrix, or of its transpose, with a dense one, through the cached plan."""

from collections.abc import Callable

import torch

from .._ops import ops
from ..activations import NUMBERS
from ..bsr import Arrays
from ..layouts import is_aligned, layout_of
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
    transpose: bool,
    out_col_major: bool,
    check: Callable[[], object],
    bias: torch.Tensor | None = None,
    activation: str = "none",
) -> torch.Tensor:
    """Return ``activation(op(A) @ B + bias[:, None])``, row-major or the transpose of such.

    `check` raises where operands do not fit. A plan's key holds what it looks at: it runs once a plan.
    """
    values, (m, k) = arrays[2:]
    m, n = k if transpose else m, B.shape[-1]
    if values.dtype is torch.float64 or m * n == 0:
        check()
        out = _empty(values, m, n, out_col_major)
        if values.dtype is torch.float64:
            float64.multiply(arrays, B, out, transpose, bias, activation)
        return out
    if not is_aligned(B):
        B = B.clone(memory_format=torch.contiguous_format)
    key = (B.shape, B.stride(), B.dtype, B.device, transpose, out_col_major)
    plan = cached_plan(arrays, key, lambda planned: _plan(planned, B, transpose, out_col_major, check))
    if plan is None:
        return multiply(arrays, B.contiguous(), transpose, out_col_major, check, bias, activation)
    out = _empty(values, m, n, out_col_major)
    values = values.contiguous()
    if bias is None and activation == "none":
        ops.spmm(plan.number, values, B, out, 1.0, 0.0)
    else:
        ops.spmm_fused(plan.number, values, B, out, 1.0, 0.0, bias, 0, None, NUMBERS[activation])
    return out


def _plan(
    arrays: Arrays, B: torch.Tensor, transpose: bool, out_col_major: bool, check: Callable[[], object]
) -> Plan | None:
    """None for strides that no kernel takes."""
    check()
    layout = layout_of(B)
    if layout is None:
        return None
    m, k = arrays[3]
    n = B.shape[1]
    ldc = max(1, (k if transpose else m) if out_col_major else n)
    return Plan(arrays, n, B.dtype, layout[0], out_col_major, layout[1], ldc, transpose_a=transpose)


def _empty(values: torch.Tensor, m: int, n: int, col_major: bool) -> torch.Tensor:
    return values.new_empty(n, m).t() if col_major else values.new_empty(m, n)
