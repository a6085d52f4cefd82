"""torch's own names for products with sparse matrices, led to this library's kernels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

import torch
from torch.nn import functional as torch_functional

from .bsr import BSRMatrix
from .convert import is_blocked
from .functional import linear
from .spmm import sparse_mm

# (owner, name, keywords of both operands)
_PATCHED = (
    (torch, "matmul", ("input", "other")),
    (torch, "mm", ("input", "mat2")),
    (torch.sparse, "mm", ("sparse", "dense")),
    (torch.Tensor, "__matmul__", ("self", "other")),
    (torch.Tensor, "matmul", ("self", "other")),
    (torch.Tensor, "mm", ("self", "mat2")),
    (torch_functional, "linear", ("input", "weight")),
)
_LINEAR = torch_functional.linear

_originals: list[tuple[object, str, bool, Callable]] = []


def patch_torch() -> None:
    """Compute products with BSR operands by this library in code that calls torch.

    From now on `A @ B`, torch.matmul, torch.mm, torch.sparse.mm and torch.nn.functional.linear use
    `sparse_mm` and `linear` where an operand, by position or by keyword, is a matrix of layout
    torch.sparse_bsr, its transpose (torch.sparse_bsc) or a BSRMatrix, in all threads; anything else, blocks
    that no kernel multiplies by and products with vectors go to torch as before. Names that a module imported
    earlier (``from torch import mm``) stay torch's.
    """
    if _originals:
        return
    for owner, name, keywords in _PATCHED:
        original = getattr(owner, name)
        _originals.append((owner, name, name in vars(owner), original))
        setattr(owner, name, _diverted(original, keywords))


def unpatch_torch() -> None:
    """Undo `patch_torch`."""
    while _originals:
        owner, name, own, original = _originals.pop()
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)  # torch.Tensor inherited it


@contextmanager
def patched_torch() -> Iterator[None]:
    """`patch_torch` for the length of a with statement."""
    before = bool(_originals)
    patch_torch()
    try:
        yield
    finally:
        if not before:
            unpatch_torch()


def _diverted(original: Callable, keywords: tuple[str, str]) -> Callable:
    @wraps(original)
    def product(*args, **kwargs):
        named = [name for name in keywords[len(args) :] if name in kwargs]
        operands = (*args[:2], *(kwargs[name] for name in named))
        if len(operands) == 2 and (_has_blocks(operands[0]) or _has_blocks(operands[1])):
            others = {name: value for name, value in kwargs.items() if name not in named}
            if original is _LINEAR:
                return linear(*operands, *args[2:], **others)
            if all(len(getattr(operand, "shape", ())) in (2, 3) for operand in operands):
                return sparse_mm(*operands, *args[2:], **others)
        return original(*args, **kwargs)

    return product


def _has_blocks(operand: object) -> bool:
    if isinstance(operand, torch.Tensor):
        return operand.dim() == 2 and is_blocked(operand)
    return isinstance(operand, BSRMatrix)
