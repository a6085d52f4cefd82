"""sparse_mm: the block-sparse times dense product and what follows it."""

from typing import Literal

import torch

from ._ops import ops
from .plan import Plan, cached_plan, require_bsr

Activation = Literal["none", "relu", "gelu", "gelu_tanh", "silu"]
BiasAxis = Literal["row", "column"]

_ALIGNMENT = 16  # bytes; what the kernels' loads and stores need
_ACTIVATIONS = {"none": 0, "relu": 1, "gelu_tanh": 2, "gelu": 3, "silu": 4}  # numbers of bsk::Activation
_BIAS_AXES = {"row": 0, "column": 1}


def sparse_mm(
    A: torch.Tensor,
    B: torch.Tensor,
    *,
    out: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
    alpha: float = 1.0,
    beta: float | None = None,
    bias: torch.Tensor | None = None,
    bias_axis: BiasAxis = "row",
    activation: Activation = "none",
    residual: torch.Tensor | None = None,
    plan: Plan | None = None,
) -> torch.Tensor:
    """Compute ``activation(alpha * A @ B + beta * residual + bias)`` for a block-sparse `A`, in one kernel.

    Products accumulate in float32.

    Forward only: tensors that require a gradient are refused while gradients are recorded.

    Parameters
    ----------
    A : torch.Tensor
        torch.sparse_bsr matrix [m, k] of float16, bfloat16 or float32 with block sides in
        {16, 32, 64, 128, 256}, on CUDA or the CPU.
    B : torch.Tensor
        Dense [k, n], or a batch [batch, k, n] that is multiplied in one launch; dtype and device of `A`.
        Row-major matrices and transposed ones (``X.t()`` of X[n, k]) are used where they are; any other
        strides, or data that is not aligned to 16 bytes, are copied.
    out : torch.Tensor, optional
        Where the result goes: [m, n] or [batch, m, n], row-major or a transposed view, not overlapping an
        operand. It is left as it was when an error is raised.
    out_dtype : torch.dtype, optional
        `A.dtype` (the default) or torch.float32.
    alpha, beta : float
        `beta` scales `residual` (by default 1), or without one `out` (by default 0, and `out` is not read).
    bias : torch.Tensor, optional
        A vector of the result's dtype: [m], an element for each row of the result, as the output features of
        a linear layer are (``bias_axis="row"``), or [n], one for each column (``bias_axis="column"``). A
        batch shares it.
    activation : {"none", "relu", "gelu", "gelu_tanh", "silu"}
        "gelu" is torch's default, the form with erf.
    residual : torch.Tensor, optional
        Of the shape and dtype of the result; copied where its strides are not those of the result. It may be
        `out`.
    plan : Plan, optional
        From `make_plan`, for this pattern, n and these layouts. Without it a plan is made on the first call
        and kept as long as `A` lives. Pass one in CUDA graphs, and where `A`'s values change in place between
        calls: such a change makes the cache compare patterns, which synchronises. The caller then vouches
        for the pattern.

    Returns
    -------
    torch.Tensor
        `out`, or a new [m, n] matrix: row-major, except that for ``B = X.t()`` its ``.t()`` is the contiguous
        Y[n, m]. The same holds for each matrix of a batch.

    Raises
    ------
    TypeError
        An operand has the wrong type, layout or dtype.
    ValueError
        Shapes, devices or strides do not fit.
    RuntimeError
        `A`'s indices or values are malformed, `out` overlaps an operand, or no kernel computes this case;
        the message says which.

    Notes
    -----
    Changes made to `A` in place are noticed, except those through a tensor from which `A` was built, those
    through `A.data`, and those to inference-mode tensors.

    A kernel may round ``alpha * A @ B`` (and a bias for each row) to float16 or bfloat16 before the rest
    applies, as separate calls would; `Plan.explain` says where.
    """
    require_bsr(A)
    _require_dense("B", B, A, (2, 3))
    m, k = A.shape
    rows, n = B.shape[-2:]
    if rows != k:
        raise ValueError(f"B is {rows} x {n}; expected {k} rows, as A is {m} x {k}.")
    operands = (A, B, out, bias, residual)
    if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in operands):
        raise NotImplementedError(
            "sparse_mm has no backward yet, and an operand requires a gradient: call it in torch.no_grad() "
            "or detach the operand."
        )
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}; expected one of {', '.join(_ACTIVATIONS)}.")
    if beta is None:
        beta = 0.0 if residual is None else 1.0
    elif beta and out is None and residual is None:
        raise ValueError(
            f"beta is {beta} and there is no out or residual to scale: pass one, or leave beta at 0."
        )
    if plan is None and out is None and residual is None and bias_axis == "row" and _is_linear_input(B):
        # One product with batch * n columns fills tiles better than a batch.
        flat = B.transpose(1, 2).reshape(-1, k).t()
        product = sparse_mm(A, flat, out_dtype=out_dtype, alpha=alpha, bias=bias, activation=activation)
        return product.t().reshape(B.shape[0], n, m).transpose(1, 2)
    layout = _layout_of(B)
    if layout is None or B.data_ptr() % _ALIGNMENT:
        B = B.clone(memory_format=torch.contiguous_format)
        layout = (False, max(1, n), k * max(1, n))
    if out is None:
        out_col_major = layout[0] if plan is None else plan.out_col_major
        out = _new_result(B, m, out_dtype or (A.dtype if plan is None else plan.out_dtype), out_col_major)
        out_layout = (out_col_major, max(1, m if out_col_major else n), m * n)
    else:
        out_layout = _check_out(out, out_dtype, A, B)
        torch.autograd.graph.increment_version(out)
    if bias is not None:
        _check_bias(bias, bias_axis, out)
    if residual is not None:
        residual = _like_out(residual, out)
    if out.numel() == 0:
        return out
    if plan is None:
        key = (n, out.dtype, layout[0], out_layout[0], layout[1], out_layout[1])
        if B.dim() == 3:
            key += ("", B.shape[0], layout[2], out_layout[2])
        plan = cached_plan(A, *key)
    if bias is None and residual is None and activation == "none":
        ops.spmm(plan.number, A.values(), B, out, alpha, beta)
    else:
        ops.spmm_fused(
            plan.number,
            A.values(),
            B,
            out,
            alpha,
            beta,
            bias,
            _BIAS_AXES[bias_axis],
            residual,
            _ACTIVATIONS[activation],
        )
    return out


def _require_dense(argument: str, tensor: torch.Tensor, A: torch.Tensor, dims: tuple[int, ...]) -> None:
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
    if argument == "B" and tensor.dtype is not A.dtype:
        raise TypeError(
            f"B is {tensor.dtype} and A is {A.dtype}; expected one dtype: convert with B.to({A.dtype})."
        )


def _is_linear_input(B: torch.Tensor) -> bool:
    """Whether a batch is the transpose of a contiguous X[batch, n, k]."""
    return B.dim() == 3 and B.transpose(1, 2).is_contiguous() and not B.is_contiguous()


def _layout_of(matrix: torch.Tensor) -> tuple[bool, int, int] | None:
    """(column-major, leading dimension, elements from matrix to matrix) of a dense matrix or a batch.

    None where its strides are of neither kind. A single column counts as column-major where its elements are
    adjacent: that is the faster way to load it.
    """
    rows, cols = matrix.shape[-2:]
    row_stride, col_stride = matrix.stride()[-2:]
    stride = matrix.stride(0) if matrix.dim() == 3 and matrix.shape[0] > 1 else rows * cols
    if stride == 0 and rows * cols > 0:
        return None
    if col_stride == 1 and row_stride >= cols > 1:
        return False, row_stride, stride
    if row_stride == 1 and (cols <= 1 or col_stride >= rows):
        return True, max(1, rows, col_stride), stride
    if cols <= 1 and row_stride >= 1:
        return False, row_stride, stride
    if rows <= 1 and col_stride == 1:
        return False, max(1, cols), stride
    return None


def _new_result(B: torch.Tensor, m: int, dtype: torch.dtype, col_major: bool) -> torch.Tensor:
    n = B.shape[-1]
    if not col_major:
        return torch.empty(*B.shape[:-2], m, n, dtype=dtype, device=B.device)
    return torch.empty(*B.shape[:-2], n, m, dtype=dtype, device=B.device).transpose(-1, -2)


def _check_out(
    out: torch.Tensor, out_dtype: torch.dtype | None, A: torch.Tensor, B: torch.Tensor
) -> tuple[bool, int, int]:
    """The layout of a caller's `out`; raises where the product cannot be written to it."""
    _require_dense("out", out, A, (B.dim(),))
    expected = (*B.shape[:-2], A.shape[0], B.shape[-1])
    if out.shape != expected:
        raise ValueError(f"out is {_sizes(out.shape)}; expected {_sizes(expected)}.")
    if out_dtype is not None and out.dtype is not out_dtype:
        raise TypeError(
            f"out is {out.dtype} and out_dtype is {out_dtype}; expected the same, or no out_dtype."
        )
    layout = _layout_of(out)
    if layout is None:
        raise ValueError(f"out has strides {out.stride()}; expected a row-major matrix or a transposed one.")
    return layout


def _check_bias(bias: torch.Tensor, axis: str, out: torch.Tensor) -> None:
    if axis not in _BIAS_AXES:
        raise ValueError(f'bias_axis is {axis!r}; expected "row" or "column".')
    _require_dense("bias", bias, out, (1,))
    length = out.shape[-2 if axis == "row" else -1]
    if bias.shape[0] != length or not bias.is_contiguous():
        raise ValueError(
            f"bias has {bias.shape[0]} elements {bias.stride(0)} apart; expected {length} contiguous ones, "
            f'one for each {axis} (bias_axis="{axis}").'
        )
    if bias.dtype is not out.dtype:
        raise TypeError(f"bias is {bias.dtype} and the result {out.dtype}; expected one dtype.")


def _like_out(residual: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`residual` with the strides of `out`: itself where it has them."""
    _require_dense("residual", residual, out, (out.dim(),))
    if residual.shape != out.shape:
        raise ValueError(f"residual is {_sizes(residual.shape)}; expected {_sizes(out.shape)}.")
    if residual.dtype is not out.dtype:
        raise TypeError(f"residual is {residual.dtype} and the result {out.dtype}; expected one dtype.")
    if residual.stride() == out.stride() and residual.data_ptr() % _ALIGNMENT == 0:
        return residual
    return torch.empty_strided(out.shape, out.stride(), dtype=out.dtype, device=out.device).copy_(residual)


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
