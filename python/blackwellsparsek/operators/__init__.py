"""Differentiable operators, also as torch.ops.bsk.*: they take the plain tensors of sparse matrices."""

from .dss import dss
from .linear import linear
from .products import dds, dsd
from .sampled import sdd

__all__ = ["dds", "dsd", "dss", "linear", "sdd"]
