"""torch.ops.bsk.sdd: the stored blocks of the product of two dense matrices."""

import weakref
from collections.abc import Callable

import torch

from .._ops import ops
from ..bsr import Arrays
from ..layouts import aligned, layout_of
from ..plan_cache import cached_plan
from . import float64
from .library import register
from .multiply import check_matrix, check_operands


class SampledPlan:
    """How products of [m, n] with [n, k] matrices are computed at the stored blocks of one pattern."""

    def __init__(
        self, arrays: Arrays, n: int, d1_col_major: bool, d2_col_major: bool, ld1: int, ld2: int
    ) -> None:
        crow_indices, col_indices, values, (m, k) = arrays
        self.number: int = ops.make_sddmm_plan(
            crow_indices, col_indices, values, m, k, n, values.dtype, d1_col_major, d2_col_major, ld1, ld2, ""
        )
        weakref.finalize(self, ops.free_plan, self.number).atexit = False

    def explain(self) -> str:
        """What was chosen and why, in several lines."""
        return ops.describe_plan(self.number)[0]


def sample(
    arrays: Arrays,
    left: torch.Tensor,
    right: torch.Tensor,
    transpose_left: bool,
    transpose_right: bool,
    check: Callable[[], object],
) -> torch.Tensor:
    """Return the blocks of ``op(left) @ op(right)`` at the pattern of `arrays`; `check` as in `multiply`."""
    values = arrays[2]
    if values.dtype is torch.float64 or values.numel() == 0 or left.numel() == 0:
        check()
        out = values.new_zeros(values.shape)
        if values.dtype is torch.float64:
            D1, D2 = left.t() if transpose_left else left, right.t() if transpose_right else right
            float64.sample(arrays, D1, D2, out)
        return out
    left, right = aligned(left), aligned(right)
    flags = (transpose_left, transpose_right)
    of_left = (left.shape, left.stride(), left.dtype, left.device)
    key = (*of_left, right.shape, right.stride(), right.dtype, right.device, flags)
    plan = cached_plan(arrays, key, lambda planned: _plan(planned, left, right, *flags, check))
    if plan is None:
        return sample(arrays, left.contiguous(), right.contiguous(), *flags, check)
    return ops.sample(plan.number, left, right, values, transpose_left, transpose_right)


def _plan(
    arrays: Arrays,
    left: torch.Tensor,
    right: torch.Tensor,
    transpose_left: bool,
    transpose_right: bool,
    check: Callable[[], object],
) -> SampledPlan | None:
    """None for strides that no kernel takes."""
    check()
    layouts = [
        layout_of(left.t() if transpose_left else left),
        layout_of(right.t() if transpose_right else right),
    ]
    if None in layouts:
        return None
    (d1_col_major, ld1, _), (d2_col_major, ld2, _) = layouts
    return SampledPlan(arrays, left.shape[0 if transpose_left else 1], d1_col_major, d2_col_major, ld1, ld2)


def _new_sdd(
    left, right, crow_indices, col_indices, values, shape, transpose_left=False, transpose_right=False
):
    m, k = shape
    check_operands((crow_indices, col_indices, values, shape), left=left, right=right)
    check_matrix("left", left, 1 if transpose_left else 0, m)
    check_matrix("right", right, 0 if transpose_right else 1, k)
    check_matrix("right", right, 1 if transpose_right else 0, left.shape[0 if transpose_left else 1])
    return values.new_empty(values.shape)


def _sdd(left, right, crow_indices, col_indices, values, shape, transpose_left=False, transpose_right=False):
    arrays = (crow_indices, col_indices, values, tuple(shape))
    return sample(
        arrays,
        left,
        right,
        transpose_left,
        transpose_right,
        lambda: _new_sdd(left, right, *arrays, transpose_left, transpose_right),
    )


def _save_sdd(ctx, inputs, output):
    left, right, crow_indices, col_indices, _, shape, *ctx.transposed = inputs
    ctx.pattern = (crow_indices, col_indices, shape)
    ctx.save_for_backward(left, right)


def _sdd_gradients(ctx, grad, needed):
    # V = (op(L) op(R)) at the pattern; G is dV at it:  dop(L) = G op(R)^T  and  dop(R) = op(L)^T G
    from .products import dds, dsd

    left, right = ctx.saved_tensors
    crow_indices, col_indices, shape = ctx.pattern
    arrays = (crow_indices, col_indices, grad, shape)
    left_transposed, right_transposed = ctx.transposed
    d_left = d_right = None
    if needed[0]:
        if left_transposed:  # dL = op(R) G^T
            d_left = dds(right, *arrays, right_transposed, True)
        else:
            d_left = dsd(*arrays, right, False, not right_transposed)
    if needed[1]:
        if right_transposed:  # dR = G^T op(L)
            d_right = dsd(*arrays, left, True, left_transposed)
        else:
            d_right = dds(left, *arrays, not left_transposed, False)
    return d_left, d_right


sdd = register(
    "sdd(Tensor left, Tensor right, Tensor crow_indices, Tensor col_indices, Tensor values, SymInt[2] shape, "
    "bool transpose_left=False, bool transpose_right=False) -> Tensor",
    (0, 1),
    _sdd,
    _new_sdd,
    _save_sdd,
    _sdd_gradients,
)
