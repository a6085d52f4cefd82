"""The names of Stanford's stk library, so that MegaBlocks-like code changes an import.

``from blackwellsparsek import stk`` gives `stk.Matrix` and `stk.ops`.
"""

from . import ops
from .matrix import Matrix

__all__ = ["Matrix", "ops"]
