"""Nonzeros in blocks: which block size, or a dense matrix, is predicted to be fastest."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from .bsr import Arrays, BSRMatrix
from .plan import Plan
from .plan_cache import host_copies

BLOCKS = (128, 64, 32, 16)
DENSE = 0  # in the place of a block size
_LARGEST_DENSE = 2**31 - 1  # elements


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

    def pattern(self, shape: tuple[int, int], dtype: torch.dtype) -> Arrays:
        """What a plan looks at: values that are none take no memory."""
        sizes = (self.col_indices.shape[0], self.block, self.block)
        values = torch.empty((), dtype=dtype, device=self.places.device).expand(sizes)
        return self.crow_indices, self.col_indices, values, shape


class Prediction(NamedTuple):
    """Of a product with a matrix in one form."""

    seconds: float
    elements: int  # that the form stores


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
        """Of this size; kept."""
        if block not in self.blockings:
            self.blockings[block] = Blocking.of(self.rows, self.cols, self.shape, block)
        return self.blockings[block]

    def predictions(self, n: int) -> dict[int, Prediction]:
        """Of each form that a kernel computes, by block size; DENSE for the dense product."""
        found: dict[int, Prediction] = {}
        for block in BLOCKS:
            blocking = Blocking.of(self.rows, self.cols, self.shape, block)
            pattern = blocking.pattern(self.shape, self.dtype)
            if block == BLOCKS[0] and (seconds := self._dense_seconds(pattern, n)) is not None:
                found[DENSE] = Prediction(seconds, self.shape[0] * self.shape[1])  # first, so it wins ties
            if (seconds := _predicted_seconds(pattern, n)) is not None:
                found[block] = Prediction(seconds, pattern[2].numel())
        return found

    def choice(self, n: int) -> int:
        """The form that is predicted to be fastest."""
        if n not in self.choices:
            predictions = self.predictions(n)
            self.choices[n] = min(predictions, key=lambda form: predictions[form].seconds, default=DENSE)
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

    def _dense_seconds(self, pattern: Arrays, n: int) -> float | None:
        """By cuBLAS on CUDA, else as a product with every block stored; None where that is too large."""
        if pattern[2].is_cuda:
            return _predicted_seconds(pattern, n, "dense_cublas")
        side = BLOCKS[0]
        rows, cols = (-(-size // side) for size in self.shape)
        if rows * cols * side * side > _LARGEST_DENSE:
            return None
        crow_indices, col_indices = torch.arange(rows + 1) * cols, torch.arange(cols).repeat(rows)
        values = torch.empty((), dtype=self.dtype).expand(rows * cols, side, side)
        return _predicted_seconds((crow_indices, col_indices, values, self.shape), n)


def _predicted_seconds(pattern: Arrays, n: int, kernel: str = "") -> float | None:
    """Of a product with [k, n] by the cost model; None where no kernel computes it."""
    values, shape = pattern[2:]
    policy = "auto" if kernel else "sparse"
    arrays = (*host_copies(pattern), values, shape)
    try:
        plan = Plan(arrays, n, values.dtype, False, False, max(1, n), max(1, n), kernel, policy=policy)
    except RuntimeError:
        return None
    return plan.predicted_seconds
