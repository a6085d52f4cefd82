"""CSR, CSC and COO matrices in blocks: which block size, or a dense matrix, is predicted to be fastest."""

import weakref
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import torch

from .bsr import BSRMatrix, as_bsr, block_rows_of, tensor_of
from .io import from_scipy
from .plan import Plan

if TYPE_CHECKING:
    import scipy.sparse

BLOCKS = (128, 64, 32, 16)
DENSE = 0  # in the place of a block size
_UNSTRUCTURED = (torch.sparse_csr, torch.sparse_csc, torch.sparse_coo)


@dataclass
class Blocking:
    """Where each nonzero of a matrix lies in its square blocks."""

    crow_indices: torch.Tensor
    col_indices: torch.Tensor
    places: torch.Tensor
    block: int

    @classmethod
    def of(cls, rows: torch.Tensor, cols: torch.Tensor, shape: tuple[int, int], block: int) -> "Blocking":
        block_rows, block_cols = (-(-size // block) for size in shape)
        numbers, of_nonzero = torch.unique(
            rows // block * block_cols + cols // block, return_inverse=True
        )  # block numbers rise by row, then column
        crow_indices = torch.zeros(block_rows + 1, dtype=torch.int32, device=rows.device)
        crow_indices[1:] = torch.bincount(numbers // max(1, block_cols), minlength=block_rows).cumsum(0)
        places = (of_nonzero * block + rows % block) * block + cols % block
        return cls(crow_indices, (numbers % max(1, block_cols)).int(), places, block)

    def fill(self, nonzeros: torch.Tensor) -> torch.Tensor:
        """Blocks [nnzb, block, block] of these nonzeros; differentiable."""
        nnzb = self.col_indices.shape[0]
        blocks = nonzeros.new_zeros(nnzb * self.block**2).index_add(0, self.places, nonzeros)
        return blocks.view(nnzb, self.block, self.block)

    def predicted_seconds(self, shape: tuple[int, int], n: int, dtype: torch.dtype) -> float | None:
        """Of a product with [k, n] by the cost model; None where no kernel computes it."""
        sizes = (self.col_indices.shape[0], self.block, self.block)
        values = torch.empty((), dtype=dtype, device=self.places.device).expand(sizes)  # not read
        return _predicted((self.crow_indices, self.col_indices, values, shape), n, dtype)


@dataclass
class Unstructured:
    """Where the nonzeros of a CSR, CSC or COO matrix lie, and in which of its blocks."""

    rows: torch.Tensor
    cols: torch.Tensor
    shape: tuple[int, int]
    dtype: torch.dtype
    blockings: dict[int, Blocking] = field(default_factory=dict)
    choices: dict[int, int] = field(default_factory=dict)

    def blocking(self, block: int) -> Blocking:
        if block not in self.blockings:
            self.blockings[block] = Blocking.of(self.rows, self.cols, self.shape, block)
        return self.blockings[block]

    def predictions(self, n: int) -> dict[int, float]:
        """Seconds of each form that a kernel computes, by block size; DENSE for the dense product."""
        found = {DENSE: self._predicted_dense(n)}  # of equals min takes the first
        for block in BLOCKS:
            found[block] = self.blocking(block).predicted_seconds(self.shape, n, self.dtype)
        return {form: seconds for form, seconds in found.items() if seconds is not None}

    def choice(self, n: int) -> int:
        """The form that is predicted to be fastest."""
        if n not in self.choices:
            predictions = self.predictions(n)
            self.choices[n] = min(predictions, key=predictions.get, default=DENSE)
        return self.choices[n]

    def converted(self, form: int, nonzeros: torch.Tensor) -> BSRMatrix | torch.Tensor:
        """These nonzeros in blocks, or dense; differentiable in them."""
        if form == DENSE:
            m, k = self.shape
            places = self.rows * k + self.cols
            return nonzeros.new_zeros(m * k).index_add(0, places, nonzeros).view(m, k)
        blocking = self.blocking(form)
        values = blocking.fill(nonzeros)
        return BSRMatrix(blocking.crow_indices, blocking.col_indices, values, self.shape)

    def _predicted_dense(self, n: int) -> float | None:
        """By cuBLAS on CUDA, else as a product with every block stored."""
        (m, k), side = self.shape, BLOCKS[-1]
        rows, cols = -(-m // side), -(-k // side)
        crow_indices = torch.arange(rows + 1) * cols
        col_indices = torch.arange(cols).repeat(rows)
        values = torch.empty((), dtype=self.dtype, device=self.rows.device).expand(rows * cols, side, side)
        kernel = "dense_cublas" if values.is_cuda else ""
        return _predicted((crow_indices, col_indices, values, self.shape), n, self.dtype, kernel)


def _predicted(arrays: tuple, n: int, dtype: torch.dtype, kernel: str = "") -> float | None:
    policy = "auto" if kernel else "sparse"
    try:
        plan = Plan(arrays, n, dtype, False, False, max(1, n), max(1, n), kernel, policy=policy)
    except RuntimeError:
        return None
    return plan.predicted_seconds


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

    The forms of CSR, CSC and COO tensors are kept as long as these live, and made anew once their values
    change or where they require a gradient.
    """
    if isinstance(A, BSRMatrix):
        return A
    if not isinstance(A, torch.Tensor):
        A = from_scipy_any(A)
    if A.layout is torch.sparse_bsc and A.dim() == 2:
        values = A.values().transpose(1, 2).contiguous()
        return BSRMatrix(A.ccol_indices(), A.row_indices(), values, tuple(reversed(A.shape)), transposed=True)
    if A.layout not in _UNSTRUCTURED:
        return as_bsr(A)
    cached = _cached_of(A)
    form = cached.parts.choice(n)
    if A.requires_grad and torch.is_grad_enabled():
        return cached.parts.converted(form, _nonzeros_of(A))
    if form not in cached.forms:
        cached.forms[form] = cached.parts.converted(form, _nonzeros_of(A).detach())
    return cached.forms[form]


def unstructured(A: "torch.Tensor | scipy.sparse.spmatrix") -> Unstructured | None:
    """A CSR, CSC or COO matrix taken apart; None for what is in blocks already."""
    if not isinstance(A, torch.Tensor):
        A = from_scipy_any(A)
    return _cached_of(A).parts if A.layout in _UNSTRUCTURED else None


def _cached_of(A: torch.Tensor) -> _Cached:
    cached = _cached.get(id(A))
    if cached is None or cached.ref() is not A or cached.version != _version(A):
        cached = _cached[id(A)] = _Cached(A)
    return cached


def _places_of(A: torch.Tensor) -> Unstructured:
    """Copies all of them, as a view would keep `A` alive."""
    if A.dim() != 2:
        raise TypeError(f"A is a {A.dim()}-dimensional tensor of layout {A.layout}; expected a matrix.")
    if A.layout is torch.sparse_coo:
        rows, cols = A.detach().coalesce().indices().clone()
    elif A.layout is torch.sparse_csr:
        cols = A.col_indices().to(torch.int64, copy=True)
        rows = block_rows_of(A.crow_indices(), cols.shape[0])
    else:
        rows = A.row_indices().to(torch.int64, copy=True)
        cols = block_rows_of(A.ccol_indices(), rows.shape[0])
    return Unstructured(rows, cols, tuple(A.shape), A.dtype)


def _nonzeros_of(A: torch.Tensor) -> torch.Tensor:
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
