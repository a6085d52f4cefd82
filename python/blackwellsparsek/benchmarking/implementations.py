"""One way to compute a case's product: this library, and what PyTorch offers."""

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import ClassVar

import torch

from ..plan import make_plan
from ..records import Case, Work
from ..spmm import sparse_mm
from .cases import Oracle, Problem


class Unavailable(Exception):
    """An implementation cannot compute the case here; the message is the sentence of the record."""


class Implementation(ABC):
    """Set up for one problem by its constructor, so that `launch` only launches.

    The constructor raises Unavailable where the implementation cannot compute the case.
    """

    work: Work = "stored_blocks"
    other_pattern = False  #: whether it computes another product of the same sizes
    optional = False  #: whether cases that it cannot compute get no record of it
    needs_cuda = True
    kernel: str | None = None
    plan: str | None = None
    settings: str | None = None

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @classmethod
    def product(cls, case: Case) -> Hashable:
        """What tells its product from those of other cases: equal ones need to be measured once only."""
        return case

    @abstractmethod
    def launch(self) -> torch.Tensor:
        """Enqueue the product on the current stream and return where it will be."""

    def oracle(self) -> Oracle:
        """What judges the result."""
        return self.problem.oracle

    def close(self) -> None:  # noqa: B027  most have nothing to release
        """Release what Python does not."""


class Bsk(Implementation):
    """The library that is measured, with its default plan."""

    needs_cuda = False

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._plan = make_plan(problem.A, problem.spec.n)
        self.kernel, self.plan = self._plan.kernel, self._plan.explain()
        problem.chosen_kernel = self.kernel

    def launch(self) -> torch.Tensor:
        return sparse_mm(self.problem.A, self.problem.B, out=self.problem.out, plan=self._plan)


class CublasDense(Implementation):
    """torch.mm on A with its zeros: the same product."""

    work: Work = "dense"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.a = problem.dense

    def launch(self) -> torch.Tensor:
        return torch.mm(self.a, self.problem.B, out=self.problem.out)


class CublasDenseRandom(CublasDense):
    """torch.mm on a matrix without zeros: cuBLAS's dense rate, which zeros would flatter."""

    other_pattern = True

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.a = problem.random_dense

    def oracle(self) -> Oracle:
        return Oracle(self.a, self.problem.B, self.problem.spec.seed)


class TorchSparseCsr(Implementation):
    """PyTorch's CSR product, which is cuSPARSE's."""

    settings = "int32 indices"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._a = self._matrix()

    def _matrix(self) -> torch.Tensor:
        csr = self.problem.dense.to_sparse_csr()
        return torch.sparse_csr_tensor(
            csr.crow_indices().int(),
            csr.col_indices().int(),
            csr.values(),
            size=csr.shape,
            check_invariants=False,
        )

    def launch(self) -> torch.Tensor:
        return torch.mm(self._a, self.problem.B, out=self.problem.out)


class TwoToFour(Implementation):
    """A product of another A, which keeps two of every four elements, whatever the case stores."""

    work: Work = "dense"
    other_pattern = True

    @classmethod
    def product(cls, case: Case) -> Hashable:
        return case.m, case.n, case.k, case.dtype

    def oracle(self) -> Oracle:
        return Oracle(self.problem.two_to_four, self.problem.B, self.problem.spec.seed)


class CusparseLt2To4(TwoToFour):
    """cuSPARSELt's 2:4 product through PyTorch, with the algorithm that its search finds fastest.

    The search launches very many products, and the product is the same for every block size and sparsity: it
    is searched once for each size, and for sizes above _LARGEST_SEARCHED with a part of the matrices.
    """

    _LARGEST_SEARCHED = 16384
    _algorithms: ClassVar[dict[tuple, int]] = {}  #: by m, n and k of the search, and dtype

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        if problem.dtype is torch.float32:
            raise Unavailable("PyTorch's 2:4 product takes no float32.")
        if not torch.backends.cusparselt.is_available():
            raise Unavailable("This PyTorch was built without cuSPARSELt.")
        self._a = torch._cslt_compress(problem.two_to_four)
        self._algorithm, searched = self._search(problem)
        self.settings = f"algorithm {self._algorithm} of its search at {searched}"

    def _search(self, problem: Problem) -> tuple[int, str]:
        """The algorithm, and the product that it was searched with."""
        m = k = min(problem.spec.size, self._LARGEST_SEARCHED)
        n = min(problem.spec.n, self._LARGEST_SEARCHED)
        key = (m, n, k, problem.dtype)
        if key not in self._algorithms:
            a, b = self._a, problem.B
            if (k, n) != b.shape:
                a, b = torch._cslt_compress(problem.two_to_four[:m, :k].contiguous()), b[:k, :n].contiguous()
            self._algorithms[key] = torch._cslt_sparse_mm_search(a, b)
        return self._algorithms[key], f"{m} x {n} x {k}"

    def launch(self) -> torch.Tensor:
        return torch._cslt_sparse_mm(self._a, self.problem.B, alg_id=self._algorithm)
