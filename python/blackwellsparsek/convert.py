"""Any sparse matrix as blocks or, where that is faster, dense; what was made is kept with living tensors."""

import weakref
from functools import partial
from typing import TYPE_CHECKING

import torch

from .arrays import tensor_of
from .blocks import SIDES, block_rows_of
from .bsr import BSRMatrix, as_bsr
from .io import from_scipy
from .io.scipy_form import bsr_tensor
from .reblock import Unstructured

if TYPE_CHECKING:
    import scipy.sparse

_UNSTRUCTURED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_coo)
_BLOCKED = (torch.sparse_bsr, torch.sparse_bsc)


class _Cached:
    """A living tensor taken apart, and its forms, as long as nobody changes it in place."""

    def __init__(self, A: torch.Tensor) -> None:
        self.ref = weakref.ref(A, partial(_forget, id(A)))
        self.version = _version(A)
        self.parts = _places_of(A)
        self.forms: dict[int, BSRMatrix | torch.Tensor] = {}


_cached: dict[int, _Cached] = {}


def _forget(key: int, dead: weakref.ref) -> None:
    if key in _cached and _cached[key].ref is dead:
        del _cached[key]


def _version(A: torch.Tensor) -> int | None:
    return None if A.is_inference() else A._version


def blocked(A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix", n: int) -> BSRMatrix | torch.Tensor:
    """A sparse matrix as a BSRMatrix, or dense where that is predicted to be faster for products with [k, n].

    The forms of CSR, CSC and COO tensors, and of those with blocks that no kernel multiplies by, are kept as
    long as these live, and made anew once their values change or where they require a gradient.
    """
    if isinstance(A, BSRMatrix):
        return A
    if not isinstance(A, torch.Tensor):
        A = from_scipy_any(A)
    if not _is_unstructured(A):
        return as_bsr(A)
    cached = _cached_of(A)
    form = cached.parts.choice(n)
    if A.requires_grad and torch.is_grad_enabled():
        return cached.parts.converted(form, _nonzeros_of(A))
    if form not in cached.forms:
        cached.forms[form] = cached.parts.converted(form, _nonzeros_of(A).detach())
    return cached.forms[form]


def is_blocked(A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix") -> bool:
    """Whether `blocked` takes its blocks as they are."""
    if isinstance(A, torch.Tensor):
        return A.layout in _BLOCKED and not _is_unstructured(A)
    return isinstance(A, BSRMatrix) or (
        getattr(A, "format", None) == "bsr" and set(A.blocksize) <= set(SIDES)
    )


def unstructured(A: "torch.Tensor | scipy.sparse.spmatrix") -> Unstructured | None:
    """A matrix in no blocks, or in blocks that no kernel multiplies by, taken apart; None for others."""
    if not isinstance(A, torch.Tensor):
        A = from_scipy_any(A)
    return _cached_of(A).parts if _is_unstructured(A) else None


def _is_unstructured(A: torch.Tensor) -> bool:
    if A.layout in _BLOCKED and A.dim() == 2:
        return A.values().dim() == 3 and not set(A.values().shape[1:]) <= set(SIDES)
    return A.layout in _UNSTRUCTURED


def _cached_of(A: torch.Tensor) -> _Cached:
    cached = _cached.get(id(A))
    if cached is None or cached.ref() is not A or cached.version != _version(A):
        cached = _cached[id(A)] = _Cached(A)
    return cached


def _places_of(A: torch.Tensor) -> Unstructured:
    """Copies all of them, as a view would keep `A` alive."""
    if A.dim() != 2:
        raise TypeError(f"A is a {A.dim()}-dimensional tensor of layout {A.layout}; expected a matrix.")
    if A.layout in _BLOCKED:
        matrix = as_bsr(A.detach())
        bsr_tensor(*matrix.arrays)  # an error where the arrays do not fit
        rows, cols = (places.flatten() for places in matrix.places())
    elif A.layout is torch.sparse_coo:
        rows, cols = A.detach().coalesce().indices().clone()
    elif A.layout is torch.sparse_csr:
        cols = A.col_indices().to(torch.int64, copy=True)
        rows = block_rows_of(A.crow_indices(), cols.shape[0])
    else:
        rows = A.row_indices().to(torch.int64, copy=True)
        cols = block_rows_of(A.ccol_indices(), rows.shape[0])
    return Unstructured(rows, cols, tuple(A.shape), A.dtype)


def _nonzeros_of(A: torch.Tensor) -> torch.Tensor:
    if A.layout in _BLOCKED:
        return as_bsr(A).values.flatten()
    return A.coalesce().values() if A.layout is torch.sparse_coo else A.values()


def from_scipy_any(matrix: "scipy.sparse.spmatrix") -> torch.Tensor:
    """A SciPy or CuPy matrix as a torch tensor where it lies: BSR as such, else CSR; float64 as float32."""
    if not hasattr(matrix, "tocsr"):
        raise TypeError(
            f"A is a {type(matrix).__name__}; expected a sparse torch.Tensor, a BSRMatrix or a SciPy matrix."
        )
    if matrix.format == "bsr":
        return from_scipy(matrix, dtype=torch.float32)
    csr = matrix.tocsr().astype("float32")
    arrays = (tensor_of(array) for array in (csr.indptr, csr.indices, csr.data))
    return torch.sparse_csr_tensor(*arrays, size=csr.shape)
