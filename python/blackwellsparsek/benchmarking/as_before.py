"""Peers on the products of which figures were published before this library was written.

Those had other patterns than the cases of this benchmark, though as many zeros. They are measured again on
one case, whose figures the report sets beside the earlier ones, and are compared with nothing else.
"""

from collections.abc import Hashable

import torch

from ..records import Case
from .cases import BlockedEll, CaseSpec, Oracle, Problem
from .implementations import TorchSparseCsr, Unavailable
from .native import CusparseBlockedEll

_SIZE, _SPARSITY, _DTYPE = 8192, 0.78, "float16"


def require_case_of_before(spec: CaseSpec) -> None:
    """Raise Unavailable for every case but that of the earlier figures; those of blocks have any block."""
    if (spec.size, spec.n, spec.sparsity, spec.dtype) != (_SIZE, _SIZE, _SPARSITY, _DTYPE):
        raise Unavailable(
            f"It is measured at {_SIZE} x {_SIZE} x {_SIZE}, sparsity {_SPARSITY}, {_DTYPE} only."
        )


class TorchSparseCsrUnstructured(TorchSparseCsr):
    """PyTorch's CSR product with nonzeros wherever they fall, and the indices that PyTorch makes."""

    other_pattern = True
    optional = True
    settings = "int64 indices"

    def __init__(self, problem: Problem) -> None:
        require_case_of_before(problem.spec)
        density = 1 - problem.spec.sparsity
        values = problem.normal(*problem.A.shape, terms=density * problem.spec.size)
        self._unstructured = values.masked_fill_(torch.rand_like(values, dtype=torch.float32) >= density, 0)
        super().__init__(problem)

    @classmethod
    def product(cls, case: Case) -> Hashable:
        return case.m, case.n, case.k, case.dtype, case.sparsity

    def _matrix(self) -> torch.Tensor:
        return self._unstructured.to_sparse_csr()

    def oracle(self) -> Oracle:
        return Oracle(self._unstructured, self.problem.B, self.problem.spec.seed)


class CusparseBlockedEllEven(CusparseBlockedEll):
    """Blocked-ELL with as many blocks in each row, so that nothing is padded."""

    other_pattern = True
    optional = True

    def __init__(self, problem: Problem) -> None:
        require_case_of_before(problem.spec)
        self._even = even_rows(problem)
        super().__init__(problem)

    def _matrix(self, problem: Problem) -> BlockedEll:
        return self._even

    def oracle(self) -> Oracle:
        a = self._even.to_dense(self.problem.spec.size)
        return Oracle(a, self.problem.B, self.problem.spec.seed)


def even_rows(problem: Problem) -> BlockedEll:
    """Random blocks, equally many in each row: the mean of the case's rows, rounded."""
    side = problem.spec.size // problem.spec.block
    width = round((1 - problem.spec.sparsity) * side)
    order = torch.rand(side, side, device=problem.device).argsort(dim=1)
    indices = order[:, :width].sort(dim=1).values.int()
    columns = width * problem.spec.block
    return BlockedEll(width, indices, problem.normal(problem.spec.size, columns, terms=columns))
