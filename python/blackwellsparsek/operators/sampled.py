"""torch.ops.bsk.sdd: the stored blocks of the product of two dense matrices."""

import weakref
from collections.abc import Callable

import torch

from .._ops import ops
from ..bsr import Arrays
from ..layouts import loadable
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


def sample(arrays: Arrays, D1: torch.Tensor, D2: torch.Tensor, check: Callable[[], object]) -> torch.Tensor:
    """Return the blocks of ``D1 @ D2`` at the pattern of `arrays`; `check` as in `multiply`."""
    values = arrays[2]
    if values.dtype is torch.float64 or values.numel() == 0 or D1.numel() == 0:
        check()
        out = values.new_zeros(values.shape)
        if values.dtype is torch.float64:
            float64.sample(arrays, D1, D2, out)
        return out
    D1, (d1_col_major, ld1, _) = loadable(D1)
    D2, (d2_col_major, ld2, _) = loadable(D2)

    def plan_of(planned: Arrays) -> SampledPlan:
        check()
        return SampledPlan(planned, D1.shape[1], d1_col_major, d2_col_major, ld1, ld2)

    sizes = (D1.shape, D2.shape, D1.dtype, D2.dtype, D1.device, D2.device)
    key = ("sampled", d1_col_major, d2_col_major, ld1, ld2, *sizes)
    out = values.new_empty(values.shape)
    ops.sddmm(cached_plan(arrays, key, plan_of).number, D1, D2, out, 1.0, 0.0)
    return out


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
        left.t() if transpose_left else left,
        right.t() if transpose_right else right,
        lambda: _new_sdd(left, right, *arrays, transpose_left, transpose_right),
    )


def _save_sdd(ctx, inputs, output):
    left, right, crow_indices, col_indices, _, ctx.shape, ctx.transpose_left, ctx.transpose_right = inputs
    ctx.save_for_backward(left, right, crow_indices, col_indices)


def _sdd_gradients(ctx, grad):
    # V = (op(L) op(R)) at the pattern; G is dV at it:  dop(L) = G op(R)^T  and  dop(R) = op(L)^T G
    from .products import dds, dsd

    left, right, crow_indices, col_indices = ctx.saved_tensors
    arrays = (crow_indices, col_indices, grad, ctx.shape)
    left_transposed, right_transposed = ctx.transpose_left, ctx.transpose_right
    d_left = d_right = None
    if ctx.needs_input_grad[0]:
        if left_transposed:  # dL = op(R) G^T
            d_left = dds(right, *arrays, right_transposed, True)
        else:
            d_left = dsd(*arrays, right, False, not right_transposed)
    if ctx.needs_input_grad[1]:
        if right_transposed:  # dR = G^T op(L)
            d_right = dsd(*arrays, left, True, left_transposed)
        else:
            d_right = dds(left, *arrays, not left_transposed, False)
    return d_left, d_right, None, None, None, None, None, None


sdd = register(
    "sdd(Tensor left, Tensor right, Tensor crow_indices, Tensor col_indices, Tensor values, SymInt[2] shape, "
    "bool transpose_left=False, bool transpose_right=False) -> Tensor",
    _sdd,
    _new_sdd,
    _save_sdd,
    _sdd_gradients,
)
