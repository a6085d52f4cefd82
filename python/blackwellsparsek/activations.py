"""The activations that follow a product in its kernel, and the same by torch."""

from typing import Literal

import torch
from torch.nn import functional

Activation = Literal["none", "relu", "gelu", "gelu_tanh", "silu"]

NUMBERS = {"none": 0, "relu": 1, "gelu_tanh": 2, "gelu": 3, "silu": 4}  # numbers of bsk::Activation

_FORWARD = {
    "none": lambda z: z,
    "relu": functional.relu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "gelu": functional.gelu,
    "silu": functional.silu,
}


def _silu_gradient(grad: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    # aten::silu_backward has no derivative
    s = torch.sigmoid(z)
    return grad * (s * (1 + z * (1 - s)))


_BACKWARD = {
    "none": lambda grad, z: grad,
    "relu": lambda grad, z: torch.ops.aten.threshold_backward(grad, z, 0),
    "gelu_tanh": lambda grad, z: torch.ops.aten.gelu_backward(grad, z, approximate="tanh"),
    "gelu": lambda grad, z: torch.ops.aten.gelu_backward(grad, z),
    "silu": _silu_gradient,
}


def number_of(activation: str) -> int:
    """The kernels' number; ValueError for another name."""
    if activation not in NUMBERS:
        raise ValueError(f"activation is {activation!r}; expected one of {', '.join(NUMBERS)}.")
    return NUMBERS[activation]


def apply(activation: str, z: torch.Tensor) -> torch.Tensor:
    """activation(z) by torch."""
    return _FORWARD[activation](z)


def gradient(activation: str, grad: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The gradient of z from that of activation(z); differentiable."""
    return _BACKWARD[activation](grad, z)
