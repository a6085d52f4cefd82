"""The library with another kernel or other tiles than its plan chooses: evidence on whether that chose well.

They are recorded as this library with settings, never as a peer.
"""

import torch

from ..plan import make_plan
from ..spmm import sparse_mm
from .cases import Problem
from .implementations import Implementation, Unavailable


class Alternative(Implementation):
    """The library's own product of the same data, as `settings` says."""

    optional = True

    def __init__(self, problem: Problem, A: torch.Tensor, kernel: str = "") -> None:
        super().__init__(problem)
        try:
            self._plan = make_plan(A, problem.spec.n, kernel=kernel)
        except RuntimeError as error:
            raise Unavailable(str(error)) from error
        self._a = A
        self.kernel, self.plan = self._plan.kernel, self._plan.explain()

    def launch(self) -> torch.Tensor:
        return sparse_mm(self._a, self.problem.B, out=self.problem.out, plan=self._plan)


class _Kernel(Alternative):
    """One of the library's kernels; of no interest where the plan takes it anyway."""

    name: str

    def __init__(self, problem: Problem) -> None:
        if problem.chosen_kernel == self.name:
            raise Unavailable("It is the plan's choice.")
        super().__init__(problem, problem.A, self.name)
        self.settings = self.name


class Sm90(_Kernel):
    name = "spmm_sm90"


class Sm90Pairs(_Kernel):
    name = "spmm_sm90_pairs"


class Sm90Small(_Kernel):
    name = "spmm_sm90_small"


class Sm80(_Kernel):
    name = "spmm_sm80"


class HalvedBlocks(Alternative):
    """A with each block cut into four: the tiles are those of the smaller block."""

    _SMALLEST = 16

    def __init__(self, problem: Problem) -> None:
        half = problem.spec.block // 2
        if half < self._SMALLEST:
            raise Unavailable(f"There are no kernels for blocks of {half}.")
        super().__init__(problem, halved(problem.A))
        self.settings = f"blocks cut to {half}, {self.kernel}"


def halved(A: torch.Tensor) -> torch.Tensor:
    """The same torch.sparse_bsr matrix in blocks of half the size."""
    crow, col, values = A.crow_indices().long(), A.col_indices().long(), A.values()
    nnzb, half = len(col), values.shape[1] // 2
    counts = crow.diff()
    row = torch.repeat_interleave(counts)
    # Blocks [nnzb, 2, 2] go to their place: in the upper or the lower half of their row, side by side.
    upper = 4 * crow[row] + 2 * (torch.arange(nnzb, device=col.device) - crow[row])
    lower = upper + 2 * counts[row]
    place = torch.stack([upper, upper + 1, lower, lower + 1], dim=1).flatten()
    quarters = values.view(nnzb, 2, half, 2, half).transpose(2, 3).reshape(4 * nnzb, half, half)
    columns = torch.stack([2 * col, 2 * col + 1], dim=1).repeat(1, 2).flatten()
    new_values, new_col = torch.empty_like(quarters), torch.empty_like(columns)
    new_values[place], new_col[place] = quarters, columns
    new_crow = torch.cat([crow.new_zeros(1), (2 * counts).repeat_interleave(2).cumsum(0)])
    return torch.sparse_bsr_tensor(
        new_crow.int(), new_col.int(), new_values, size=A.shape, check_invariants=False
    )


ALTERNATIVES: tuple[type[Alternative], ...] = (Sm90, Sm90Pairs, Sm90Small, Sm80, HalvedBlocks)
