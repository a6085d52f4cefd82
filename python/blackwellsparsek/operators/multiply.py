"""The product of a sparse matrix, or of its transpose, with a dense one, through the cached plan."""

from collections.abc import Callable

import torch

from .._ops import ops
from ..activations import NUMBERS
from ..bsr import Arrays
from ..layouts import aligned, layout_of
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
    dense: torch.Tensor,
    transpose_dense: bool,
    transpose_sparse: bool,
    out_transposed: bool,
    check: Callable[[], object],
    bias: torch.Tensor | None = None,
    activation: str = "none",
) -> torch.Tensor:
    """Return C = ``activation(op(A) @ op(dense) + bias[:, None])``, or its transpose, contiguous.

    `check` raises where operands do not fit. A plan's key holds what it looks at: it runs once a plan.
    """
    values, (m, k) = arrays[2:]
    m, n = k if transpose_sparse else m, dense.shape[0 if transpose_dense else -1]
    if values.dtype is torch.float64 or m * n == 0:
        check()
        out = values.new_empty((n, m) if out_transposed else (m, n))
        if values.dtype is torch.float64:
            float64.multiply(
                arrays,
                dense.t() if transpose_dense else dense,
                out.t() if out_transposed else out,
                transpose_sparse,
                bias,
                activation,
            )
        return out
    dense = aligned(dense)
    flags = (transpose_dense, transpose_sparse, out_transposed)
    key = (dense.shape, dense.stride(), dense.dtype, dense.device, flags)
    plan = cached_plan(arrays, key, lambda planned: _plan(planned, dense, *flags, check))
    if plan is None:
        return multiply(arrays, dense.contiguous(), *flags, check, bias, activation)
    if not values.is_contiguous():
        values = values.contiguous()
    number = NUMBERS[activation]
    return ops.product(plan.number, values, dense, bias, number, transpose_dense, out_transposed)


def _plan(
    arrays: Arrays,
    dense: torch.Tensor,
    transpose_dense: bool,
    transpose_sparse: bool,
    out_transposed: bool,
    check: Callable[[], object],
) -> Plan | None:
    """None for strides that no kernel takes."""
    check()
    layout = layout_of(dense.t() if transpose_dense else dense)
    if layout is None:
        return None
    m, k = arrays[3]
    n = dense.shape[0 if transpose_dense else 1]
    ldc = max(1, (k if transpose_sparse else m) if out_transposed else n)
    b_col_major, ldb, _ = layout
    return Plan(arrays, n, dense.dtype, b_col_major, out_transposed, ldb, ldc, transpose_a=transpose_sparse)
