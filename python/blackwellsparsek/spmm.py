"""sparse_mm: the block-sparse times dense product."""

import torch

from ._ops import ops
from .plan import Plan, cached_plan, require_bsr

_ALIGNMENT = 16  # bytes; what the kernels' loads and stores need


def sparse_mm(
    A: torch.Tensor,
    B: torch.Tensor,
    *,
    out: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
    alpha: float = 1.0,
    beta: float = 0.0,
    plan: Plan | None = None,
) -> torch.Tensor:
    """Compute ``alpha * A @ B + beta * out`` for a block-sparse `A`, accumulating in float32.

    Forward only: tensors that require a gradient are refused while gradients are recorded.

    Parameters
    ----------
    A : torch.Tensor
        torch.sparse_bsr matrix [m, k] of float16, bfloat16 or float32 with block sides in
        {16, 32, 64, 128, 256}, on CUDA or the CPU.
    B : torch.Tensor
        Dense [k, n], dtype and device of `A`. Row-major matrices and transposed ones (``X.t()`` of X[n, k])
        are used where they are; any other strides, or data that is not aligned to 16 bytes, are copied.
    out : torch.Tensor, optional
        Where the result goes: [m, n], row-major or a transposed view, not overlapping `A` or `B`.
        It is left as it was when an error is raised.
    out_dtype : torch.dtype, optional
        `A.dtype` (the default) or torch.float32.
    alpha, beta : float
        `beta` needs `out`. With ``beta == 0`` `out` is not read.
    plan : Plan, optional
        From `make_plan`, for this pattern, n and these layouts. Without it a plan is made on the first call
        and kept as long as `A` lives. Pass one in CUDA graphs, and where `A`'s values change in place between
        calls: such a change makes the cache compare patterns, which synchronises. The caller then vouches
        for the pattern.

    Returns
    -------
    torch.Tensor
        `out`, or a new [m, n] matrix: row-major, except that for ``B = X.t()`` its ``.t()`` is the contiguous
        Y[n, m].

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
    """
    require_bsr(A)
    _require_dense("B", B, A)
    m, k = A.shape
    rows, n = B.shape
    if rows != k:
        raise ValueError(f"B is {rows} x {n}; expected {k} rows, as A is {m} x {k}.")
    if torch.is_grad_enabled() and (
        A.requires_grad or B.requires_grad or (out is not None and out.requires_grad)
    ):
        raise NotImplementedError(
            "sparse_mm has no backward yet, and an operand requires a gradient: call it in torch.no_grad() "
            "or detach the operand."
        )
    layout = _layout_of(B)
    if layout is None or B.data_ptr() % _ALIGNMENT:
        B = B.clone(memory_format=torch.contiguous_format)
        layout = (False, max(1, n))
    if out is None:
        if beta:
            raise ValueError(f"beta is {beta} and there is no out to scale: pass out, or leave beta at 0.")
        out_col_major = layout[0] if plan is None else plan.out_col_major
        out = _new_result(B, m, n, out_dtype or (A.dtype if plan is None else plan.out_dtype), out_col_major)
        out_layout = (out_col_major, max(1, m if out_col_major else n))
    else:
        out_layout = _check_out(out, out_dtype, A, m, n)
        torch.autograd.graph.increment_version(out)
    if m == 0 or n == 0:
        return out
    if plan is None:
        plan = cached_plan(A, n, out.dtype, layout[0], out_layout[0], layout[1], out_layout[1])
    ops.spmm(plan.number, A.values(), B, out, alpha, beta)
    return out


def _require_dense(argument: str, tensor: torch.Tensor, A: torch.Tensor) -> None:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{argument} is a {type(tensor).__name__}; expected a dense torch.Tensor.")
    if tensor.layout is not torch.strided or tensor.dim() != 2:
        raise TypeError(
            f"{argument} is a {tensor.dim()}-dimensional tensor of layout {tensor.layout}; expected a dense "
            "matrix."
        )
    if tensor.device != A.device:
        raise ValueError(f"{argument} is on {tensor.device} and A on {A.device}; expected one device.")
    if argument == "B" and tensor.dtype is not A.dtype:
        raise TypeError(
            f"B is {tensor.dtype} and A is {A.dtype}; expected one dtype: convert with B.to({A.dtype})."
        )


def _layout_of(matrix: torch.Tensor) -> tuple[bool, int] | None:
    """(column-major, leading dimension) of a dense matrix, or None where its strides are of neither kind.

    A single column counts as column-major where its elements are adjacent: that is the faster way to load it.
    """
    rows, cols = matrix.shape
    row_stride, col_stride = matrix.stride()
    if col_stride == 1 and row_stride >= cols > 1:
        return False, row_stride
    if row_stride == 1 and (cols <= 1 or col_stride >= rows):
        return True, max(1, rows, col_stride)
    if cols <= 1 and row_stride >= 1:
        return False, row_stride
    if rows <= 1 and col_stride == 1:
        return False, max(1, cols)
    return None


def _new_result(like: torch.Tensor, m: int, n: int, dtype: torch.dtype, col_major: bool) -> torch.Tensor:
    if col_major:
        return torch.empty_strided((m, n), (1, max(1, m)), dtype=dtype, device=like.device)
    return torch.empty((m, n), dtype=dtype, device=like.device)


def _check_out(
    out: torch.Tensor, out_dtype: torch.dtype | None, A: torch.Tensor, m: int, n: int
) -> tuple[bool, int]:
    """The layout of a caller's `out`; raises where the product cannot be written to it."""
    _require_dense("out", out, A)
    if out.shape != (m, n):
        raise ValueError(f"out is {out.shape[0]} x {out.shape[1]}; expected {m} x {n}.")
    if out_dtype is not None and out.dtype is not out_dtype:
        raise TypeError(
            f"out is {out.dtype} and out_dtype is {out_dtype}; expected the same, or no out_dtype."
        )
    layout = _layout_of(out)
    if layout is None:
        raise ValueError(f"out has strides {out.stride()}; expected a row-major matrix or a transposed one.")
    return layout
