"""torch's own names for products with sparse matrices, led to this library's kernels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

import torch
from torch.nn import functional as torch_functional

from .bsr import BSRMatrix
from .functional import linear
from .spmm import sparse_mm

_PATCHED = (
    (torch, "matmul"),
    (torch, "mm"),
    (torch.sparse, "mm"),
    (torch.Tensor, "__matmul__"),
    (torch.Tensor, "matmul"),
    (torch.Tensor, "mm"),
    (torch_functional, "linear"),
)
_LINEAR = torch_functional.linear

_originals: list[tuple[object, str, bool, Callable]] = []


def patch_torch() -> None:
    """Compute products with BSR operands by this library in code that calls torch.

    From now on `A @ B`, torch.matmul, torch.mm, torch.sparse.mm and torch.nn.functional.linear use
    `sparse_mm` and `linear` where an operand is a torch.sparse_bsr tensor or a BSRMatrix, in all threads;
    anything else, and operands given by keyword, go to torch as before. Names that a module imported earlier
    (``from torch import mm``) stay torch's.
    """
    if _originals:
        return
    for owner, name in _PATCHED:
        original = getattr(owner, name)
        _originals.append((owner, name, name in vars(owner), original))
        setattr(owner, name, _diverted(original))


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


def _diverted(original: Callable) -> Callable:
    @wraps(original)
    def product(*args, **kwargs):
        if len(args) >= 2 and (_is_bsr(args[0]) or _is_bsr(args[1])):
            return linear(*args, **kwargs) if original is _LINEAR else sparse_mm(*args, **kwargs)
        return original(*args, **kwargs)

    return product


def _is_bsr(operand: object) -> bool:
    return isinstance(operand, BSRMatrix) or (
        isinstance(operand, torch.Tensor) and operand.layout is torch.sparse_bsr
    )
