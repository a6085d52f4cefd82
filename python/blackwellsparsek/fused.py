"""The product and what follows it in one kernel, without a gradient."""

import torch

from . import activations
from ._ops import ops
from .bsr import BSRMatrix
from .layouts import is_aligned, layout_of, loadable
from .plan import Plan
from .plan_cache import cached_plan, check_pattern

_BIAS_AXES = {"row": 0, "column": 1}


def fused_product(
    A: BSRMatrix,
    B: torch.Tensor,
    out: torch.Tensor | None,
    out_dtype: torch.dtype | None,
    alpha: float,
    beta: float | None,
    bias: torch.Tensor | None,
    bias_axis: str,
    activation: str,
    residual: torch.Tensor | None,
    plan: Plan | None,
) -> torch.Tensor:
    """As `spmm.sparse_mm`."""
    m, k = A.shape
    n = B.shape[-1]
    number = activations.number_of(activation)
    if beta is None:
        beta = 0.0 if residual is None else 1.0
    elif beta and out is None and residual is None:
        raise ValueError(
            f"beta is {beta} and there is no out or residual to scale: pass one, or leave beta at 0."
        )
    if plan is None and out is None and residual is None and bias_axis == "row" and _is_linear_input(B):
        # One product with batch * n columns fills tiles better than a batch.
        flat = B.transpose(1, 2).reshape(B.shape[0] * n, k).t()
        product = fused_product(
            A, flat, None, out_dtype, alpha, None, bias, bias_axis, activation, None, None
        )
        return product.t().reshape(B.shape[0], n, m).transpose(1, 2)
    B, layout = loadable(B)
    if out is None:
        out_col_major = layout[0] if plan is None else plan.out_col_major
        out = _new_result(B, m, out_dtype or (A.dtype if plan is None else plan.out_dtype), out_col_major)
        out_layout = (out_col_major, max(1, m if out_col_major else n), m * n)
    else:
        out_layout = check_out(out, out_dtype, A, B)
        torch.autograd.graph.increment_version(out)
    if bias is not None:
        check_bias(bias, bias_axis, out)
    if residual is not None:
        residual = _like_out(residual, out)
    if out.numel() == 0:
        return out
    if plan is None:
        key = (n, out.dtype, layout[0], out_layout[0], layout[1], out_layout[1])
        if B.dim() == 3:
            key += ("", B.shape[0], layout[2], out_layout[2])
        elif A.transposed:
            key += ("", 1, 0, 0)
        if A.transposed:
            key += ("sparse", False, True)
        plan = cached_plan(A.arrays, key, lambda arrays: Plan(arrays, *key))
    elif plan.transpose_a != A.transposed:
        raise ValueError("plan is for the transpose of A: make it from the matrix that is multiplied.")
    elif not plan.dynamic:
        check_pattern(plan.indices, A.arrays)
        plan.check_values(A.values)
    values = A.values.contiguous()
    if bias is None and residual is None and number == 0:
        ops.spmm(plan.number, values, B, out, alpha, beta)
    else:
        axis = _BIAS_AXES[bias_axis]
        ops.spmm_fused(plan.number, values, B, out, alpha, beta, bias, axis, residual, number)
    return out


def require_dense(
    argument: str, tensor: torch.Tensor, A: BSRMatrix | torch.Tensor, dims: tuple[int, ...]
) -> None:
    """Raise unless `tensor` is dense with one of `dims` dimensions and on the device of `A`."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{argument} is a {type(tensor).__name__}; expected a dense torch.Tensor.")
    if tensor.layout is not torch.strided or tensor.dim() not in dims:
        kind = "vector" if dims == (1,) else "matrix" if dims == (2,) else "matrix or a batch of them"
        raise TypeError(
            f"{argument} is a {tensor.dim()}-dimensional tensor of layout {tensor.layout}; expected a dense "
            f"{kind}."
        )
    if tensor.device != A.device:
        raise ValueError(f"{argument} is on {tensor.device} and A on {A.device}; expected one device.")


def check_factors(A: torch.Tensor | BSRMatrix, B: torch.Tensor | BSRMatrix) -> None:
    """Raise unless both are on one device, of one dtype and of sizes that A @ B takes."""
    if B.device != A.device:
        raise ValueError(f"B is on {B.device} and A on {A.device}; expected one device.")
    if B.dtype is not A.dtype:
        raise TypeError(
            f"B is {B.dtype} and A is {A.dtype}; expected one dtype: convert with B.to({A.dtype})."
        )
    if B.shape[-2] != A.shape[-1]:
        raise ValueError(
            f"B is {B.shape[-2]} x {B.shape[-1]}; expected {A.shape[-1]} rows, as A is "
            f"{A.shape[-2]} x {A.shape[-1]}."
        )


def _is_linear_input(B: torch.Tensor) -> bool:
    """Whether a batch is the transpose of a contiguous X[batch, n, k]."""
    return B.dim() == 3 and B.transpose(1, 2).is_contiguous() and not B.is_contiguous()


def _new_result(B: torch.Tensor, m: int, dtype: torch.dtype, col_major: bool) -> torch.Tensor:
    n = B.shape[-1]
    if not col_major:
        return torch.empty(*B.shape[:-2], m, n, dtype=dtype, device=B.device)
    return torch.empty(*B.shape[:-2], n, m, dtype=dtype, device=B.device).transpose(-1, -2)


def check_out(
    out: torch.Tensor, out_dtype: torch.dtype | None, A: BSRMatrix | torch.Tensor, B: torch.Tensor
) -> tuple[bool, int, int]:
    """The layout of a caller's `out`; raises where the product cannot be written to it."""
    require_dense("out", out, A, (B.dim(),))
    expected = (*B.shape[:-2], A.shape[0], B.shape[-1])
    if out.shape != expected:
        raise ValueError(f"out is {_sizes(out.shape)}; expected {_sizes(expected)}.")
    if out_dtype is not None and out.dtype is not out_dtype:
        raise TypeError(
            f"out is {out.dtype} and out_dtype is {out_dtype}; expected the same, or no out_dtype."
        )
    layout = layout_of(out)
    if layout is None:
        raise ValueError(f"out has strides {out.stride()}; expected a row-major matrix or a transposed one.")
    return layout


def check_bias(bias: torch.Tensor, axis: str, out: torch.Tensor) -> None:
    """Raise unless `bias` is a vector that fits the result `out`."""
    if axis not in _BIAS_AXES:
        raise ValueError(f'bias_axis is {axis!r}; expected "row" or "column".')
    require_dense("bias", bias, out, (1,))
    length = out.shape[-2 if axis == "row" else -1]
    if bias.shape[0] != length or not bias.is_contiguous():
        raise ValueError(
            f"bias has {bias.shape[0]} elements {bias.stride(0)} apart; expected {length} contiguous ones, "
            f'one for each {axis} (bias_axis="{axis}").'
        )
    if bias.dtype is not out.dtype:
        raise TypeError(f"bias is {bias.dtype} and the result {out.dtype}; expected one dtype.")


def check_residual(residual: torch.Tensor, out: torch.Tensor) -> None:
    """Raise unless `residual` has the shape and dtype of the result `out`."""
    require_dense("residual", residual, out, (out.dim(),))
    if residual.shape != out.shape:
        raise ValueError(f"residual is {_sizes(residual.shape)}; expected {_sizes(out.shape)}.")
    if residual.dtype is not out.dtype:
        raise TypeError(f"residual is {residual.dtype} and the result {out.dtype}; expected one dtype.")


def _like_out(residual: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`residual` with the strides of `out`: itself where it has them."""
    check_residual(residual, out)
    if residual.stride() == out.stride() and is_aligned(residual):
        return residual
    return torch.empty_strided(out.shape, out.stride(), dtype=out.dtype, device=out.device).copy_(residual)


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
