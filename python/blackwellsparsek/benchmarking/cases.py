"""Cases: which products are measured, their data, and the oracle that judges what was computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch

from ..records import Case, Error
from .patterns import block_mask

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
BOUND = 0.01  #: an element further than this from the oracle makes a product wrong
#: Standard deviation of the product's elements: the largest are then about 1. bfloat16 rounds those by up to
#: 0.004, and cuSPARSE CSR, which rounds partial sums to float16, is off by about as much.
_PRODUCT_DEVIATION = 0.25
#: Relative Frobenius errors beyond these are wrong too: ten times what rounding the result allows, since some
#: peers round partial sums.
_RELATIVE_BOUND = {torch.float16: 5e-3, torch.bfloat16: 4e-2, torch.float32: 1e-3}
_LAYOUT = "nn"  #: B and C row-major
_SAMPLED_ROWS, _SAMPLED_COLUMNS = 512, 256


@dataclass(frozen=True)
class CaseSpec:
    """A product as asked for; the pattern decides how many blocks it has."""

    size: int  #: m = k
    n: int
    block: int
    sparsity: float
    dtype: str
    pattern: str
    seed: int = 1

    def __post_init__(self) -> None:
        if self.size % self.block:
            raise ValueError(f"size {self.size} is no multiple of the block {self.block}.")
        if not 0 <= self.sparsity < 1:
            raise ValueError(f"sparsity is {self.sparsity}; expected at least 0 and less than 1.")

    def is_of(self, case: Case) -> bool:
        """Whether `case`, of a record, is this one."""
        return case == self.as_case(case.nnzb)

    @property
    def wanted_blocks(self) -> int:
        """How many blocks the sparsity asks for."""
        return max(1, round((1 - self.sparsity) * (self.size // self.block) ** 2))

    def as_case(self, nnzb: int) -> Case:
        """The case of records, with as many stored blocks."""
        return Case(
            m=self.size,
            n=self.n,
            k=self.size,
            block=self.block,
            sparsity=self.sparsity,
            density=nnzb / (self.size // self.block) ** 2,
            nnzb=nnzb,
            dtype=self.dtype,
            layout=_LAYOUT,
            pattern=self.pattern,
            seed=self.seed,
        )

    def __str__(self) -> str:
        return (
            f"{self.size} x {self.n} x {self.size}, block {self.block}, sparsity {self.sparsity:g}, "
            f"{self.dtype}, {self.pattern}"
        )


def make_specs(
    sizes: Sequence[int],
    sparsities: Sequence[float],
    blocks: Sequence[int],
    dtypes: Sequence[str],
    patterns: Sequence[str],
    ns: Sequence[int],
) -> list[CaseSpec]:
    """Every combination, in the order of `sizes`; without `ns` each product is square."""
    return [
        CaseSpec(size, n, block, sparsity, dtype, pattern)
        for size, dtype, pattern, sparsity, block in product(sizes, dtypes, patterns, sparsities, blocks)
        for n in (ns or [size])
    ]


class Oracle:
    """Sampled rows and columns of a product, in double precision."""

    def __init__(self, a: torch.Tensor, b: torch.Tensor, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(a.shape[0], generator=generator)[:_SAMPLED_ROWS]
        columns = torch.randperm(b.shape[1], generator=generator)[:_SAMPLED_COLUMNS]
        self._rows, self._columns = rows.to(a.device), columns.to(a.device)
        self._expected = a[self._rows].double() @ b[:, self._columns].double()
        self._relative_bound = _RELATIVE_BOUND[a.dtype]

    def judge(self, c: torch.Tensor) -> tuple[Error | None, str | None]:
        """The error of `c`, and why it is wrong if it is."""
        lowest, highest = torch.aminmax(c)
        if not bool(torch.isfinite(lowest) & torch.isfinite(highest)):
            return None, "The result holds NaN or infinity."
        difference = c[self._rows][:, self._columns].double() - self._expected
        error = Error(
            difference.abs().max().item(), (difference.norm() / self._expected.norm()).item(), BOUND
        )
        if error.max_diff >= BOUND:
            return error, f"An element is off by {error.max_diff:.3g}; expected less than {BOUND}."
        if error.relative > self._relative_bound:
            return error, (
                f"The relative error is {error.relative:.2e}; expected at most {self._relative_bound:.0e}."
            )
        return error, None


@dataclass(frozen=True)
class BlockedEll:
    """Every block row holds as many blocks as the longest, padded with column -1 and zeros."""

    width: int  #: blocks of a block row
    indices: torch.Tensor  #: int32 [m / block, width]
    values: torch.Tensor  #: [m, width * block], a row's elements together

    def to_dense(self, k: int) -> torch.Tensor:
        """[m, k] with its zeros."""
        m, block = len(self.values), self.values.shape[1] // self.width
        side = k // block
        slots = self.indices.long().repeat_interleave(block, dim=0) % (side + 1)  # padding goes to one more
        dense = self.values.new_zeros(m, side + 1, block)
        dense.scatter_(1, slots[..., None].expand(-1, -1, block), self.values.view(m, self.width, block))
        return dense[:, :side].reshape(m, k)


class Problem:
    """The data of one case on its device: the same for every implementation.

    Attributes
    ----------
    A : torch.Tensor
        torch.sparse_bsr [m, k] with int32 indices and random normal values.
    B : torch.Tensor
        [k, n], row-major, random normal.
    out : torch.Tensor
        [m, n], row-major; where implementations that can choose put their result.
    chosen_kernel : str or None
        What the library's plan took, once it has one.
    """

    def __init__(self, spec: CaseSpec, device: torch.device) -> None:
        self.spec, self.device, self.dtype = spec, device, DTYPES[spec.dtype]
        side = spec.size // spec.block
        mask = block_mask(spec.pattern, side, 1 - spec.sparsity, np.random.default_rng(spec.seed))
        nnzb = int(mask.sum())
        self.case = spec.as_case(nnzb)
        self._generator = torch.Generator(device).manual_seed(spec.seed)
        crow = np.concatenate([[0], mask.sum(axis=1).cumsum()])
        indices = [torch.from_numpy(array).int().to(device) for array in (crow, np.nonzero(mask)[1])]
        self.A = torch.sparse_bsr_tensor(
            *indices,
            self.normal(nnzb, spec.block, spec.block, terms=self.case.density * spec.size),
            size=(spec.size, spec.size),
            check_invariants=False,
        )
        self.B = self.normal(spec.size, spec.n)
        self.out = torch.empty(spec.size, spec.n, dtype=self.dtype, device=device)
        self.chosen_kernel: str | None = None

    def normal(self, *shape: int, terms: float | None = None) -> torch.Tensor:
        """Random normal; with `terms`, scaled so that sums of so many products with B are O(1)."""
        values = torch.randn(*shape, generator=self._generator, dtype=self.dtype, device=self.device)
        return values if terms is None else values.mul_(_PRODUCT_DEVIATION / terms**0.5)

    @cached_property
    def dense(self) -> torch.Tensor:
        """A with its zeros, [m, k] row-major."""
        return self.A.to_dense()

    @cached_property
    def oracle(self) -> Oracle:
        return Oracle(self.dense, self.B, self.spec.seed)

    @cached_property
    def random_dense(self) -> torch.Tensor:
        """A matrix of A's size without zeros: power-limited GPUs multiply zeros faster."""
        return self.normal(self.spec.size, self.spec.size, terms=self.spec.size)

    @cached_property
    def two_to_four(self) -> torch.Tensor:
        """Random [m, k] that keeps the larger of each pair of neighbours: two of every four."""
        values = self.normal(self.spec.size, self.spec.size // 2, 2, terms=self.spec.size / 2)
        first_larger = values[..., 0].abs() >= values[..., 1].abs()
        values[..., 0].masked_fill_(~first_larger, 0)
        values[..., 1].masked_fill_(first_larger, 0)
        return values.view(self.spec.size, self.spec.size)

    @cached_property
    def blocked_ell(self) -> BlockedEll:
        crow, col, values = self.A.crow_indices().long(), self.A.col_indices(), self.A.values()
        counts = crow.diff()
        width, block = int(counts.max()), self.spec.block
        row = torch.repeat_interleave(counts)
        slot = torch.arange(len(col), device=self.device) - crow[row]
        indices = torch.full((len(counts), width), -1, dtype=torch.int32, device=self.device)
        indices[row, slot] = col
        padded = values.new_zeros(len(counts), block, width, block)
        padded[row, :, slot] = values
        return BlockedEll(width, indices, padded.view(self.spec.size, width * block))
