"""Nonzeros in blocks: which block size, or a dense matrix, is predicted to be fastest."""

from dataclasses import dataclass, field

import torch

from .bsr import BSRMatrix
from .plan import Plan

BLOCKS = (128, 64, 32, 16)
DENSE = 0  # in the place of a block size


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
