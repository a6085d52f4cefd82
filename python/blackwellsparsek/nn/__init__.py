"""Modules with block-sparse weights, and what makes them from dense ones."""

from .linear import BlockSparseLinear
from .masks import block_scores, grow_and_drop_, prune_, set_mask_, top_mask
from .schedule import cubic_sparsity
from .sparsify import sparsify_

__all__ = [
    "BlockSparseLinear",
    "block_scores",
    "cubic_sparsity",
    "grow_and_drop_",
    "prune_",
    "set_mask_",
    "sparsify_",
    "top_mask",
]
