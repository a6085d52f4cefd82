"""torch.ops.bsk.linear: activation(x W^T + bias) in one kernel, with W sparse."""

import torch

from .. import activations
from .._ops import ops
from ..layouts import is_aligned
from .library import is_observed, register
from .multiply import check_matrix, check_operands, multiply
from .products import dds
from .sampled import sdd


def _new_linear(x, crow_indices, col_indices, values, shape, bias=None, activation="none"):
    out_features, in_features = shape
    check_operands((crow_indices, col_indices, values, shape), x=x)
    check_matrix("x", x, 1, in_features)
    check_epilogue(values, shape[0], bias, activation)
    return x.new_empty(x.shape[0], out_features)


def check_epilogue(
    values: torch.Tensor, out_features: int, bias: torch.Tensor | None, activation: str
) -> None:
    """Raise TypeError or ValueError unless `bias` fits as [out_features] and the activation is known."""
    activations.number_of(activation)
    if bias is not None and (bias.dim() != 1 or bias.shape[0] != out_features):
        raise ValueError(f"bias is {tuple(bias.shape)}; expected ({out_features},).")
    if bias is not None and bias.dtype is not values.dtype:
        raise TypeError(f"bias is {bias.dtype} and values {values.dtype}; expected one dtype.")
    if bias is not None and bias.device != values.device:
        raise ValueError(f"bias is on {bias.device} and values on {values.device}.")


def _linear(x, crow_indices, col_indices, values, shape, bias=None, activation="none"):
    arrays = (crow_indices, col_indices, values, tuple(shape))
    if bias is not None:
        bias = bias.contiguous()
    try:
        return multiply(  # Y^T = W X^T
            arrays, x, True, False, True, lambda: _new_linear(x, *arrays, bias, activation), bias, activation
        )
    except (KeyError, RuntimeError):
        check_epilogue(values, shape[0], bias, activation)  # says it in Python's words; not in every call
        raise


def _save(ctx, inputs, output):
    x, crow_indices, col_indices, values, shape, bias, ctx.activation = inputs
    ctx.pattern = (crow_indices, col_indices, shape)
    # ReLU's result tells where its input was positive; of others the input is computed anew.
    ctx.save_for_backward(x, values, output if ctx.activation == "relu" else bias)


def _gradients(ctx, grad, needed):
    x, values, kept = ctx.saved_tensors
    crow_indices, col_indices, shape = ctx.pattern
    arrays = (crow_indices, col_indices, values, shape)
    if ctx.activation != "none":
        z = kept if ctx.activation == "relu" else linear(x, *arrays, kept, "none")
        grad = activations.gradient(ctx.activation, grad, z)
    d_x = dds(grad, *arrays, False, False) if needed[0] else None
    d_values = sdd(grad, x, *arrays, True, False) if needed[1] else None
    d_bias = _column_sums(grad) if needed[2] else None
    return d_x, d_values, d_bias


def _column_sums(grad: torch.Tensor) -> torch.Tensor:
    """grad.sum(0), by a kernel of this library where it can and nobody differentiates or traces it."""
    plain = type(grad) is torch.Tensor and not torch.is_grad_enabled() and not is_observed()
    if plain and grad.is_cuda and grad.dtype in (torch.float16, torch.bfloat16) and _has_whole_runs(grad):
        return ops.column_sums(grad)
    return grad.sum(0)


def _has_whole_runs(matrix: torch.Tensor) -> bool:
    """Whether rows start and end at multiples of 8 elements of 16 bits."""
    row_stride, col_stride = matrix.stride()
    return (
        col_stride == 1
        and row_stride >= matrix.shape[1]
        and row_stride % 8 == 0
        and matrix.shape[1] % 8 == 0
        and is_aligned(matrix)
    )


linear = register(
    "linear(Tensor x, Tensor crow_indices, Tensor col_indices, Tensor values, SymInt[2] shape, "
    'Tensor? bias=None, str activation="none") -> Tensor',
    (0, 3, 5),
    _linear,
    _new_linear,
    _save,
    _gradients,
)
