"""Plans: how one sparse pattern is multiplied by dense matrices, and the cache that sparse_mm uses."""

import weakref
from functools import partial
from typing import Literal

import torch

from ._ops import ops

Layout = Literal["row_major", "col_major"]
Policy = Literal["sparse", "auto"]

_PLANS_PER_MATRIX = 16


class Plan:
    """How products of one sparse pattern with [k, n] matrices of one layout are computed.

    Made by `make_plan`, and good for any values of the same pattern, on any stream of its device.

    Attributes
    ----------
    shape : tuple[int, int]
        (m, k) of the sparse matrix.
    n : int
        Columns of B and of the result.
    out_dtype : torch.dtype
    b_col_major, out_col_major : bool
        Whether B and the result are stored column by column, that is, as contiguous X[n, k] and Y[n, m].
    ldb, ldc : int
        Leading dimensions of B and of the result, in elements.
    batch : int
        Matrices B that a product takes, and results that it gives.
    """

    def __init__(
        self,
        A: torch.Tensor,
        n: int,
        out_dtype: torch.dtype,
        b_col_major: bool,
        out_col_major: bool,
        ldb: int,
        ldc: int,
        kernel: str = "",
        batch: int = 1,
        stride_b: int = 0,
        stride_c: int = 0,
        policy: Policy = "sparse",
        dynamic: bool = False,
    ) -> None:
        m, k = A.shape
        self.shape = (m, k)
        self._values_shape = A.values().shape
        self.n = n
        self.out_dtype = out_dtype
        self.b_col_major = b_col_major
        self.out_col_major = out_col_major
        self.ldb = ldb
        self.ldc = ldc
        self.batch = batch
        if A.is_cuda:
            # The library reads the indices on the default stream; torch may have written them on another.
            torch.cuda.current_stream(A.device).synchronize()
        self.number: int = ops.make_plan(
            A.crow_indices().contiguous(),
            A.col_indices().contiguous(),
            A.values(),
            m,
            k,
            n,
            out_dtype,
            b_col_major,
            out_col_major,
            ldb,
            ldc,
            batch,
            stride_b,
            stride_c,
            kernel,
            policy == "auto",
            dynamic,
        )
        weakref.finalize(self, ops.free_plan, self.number).atexit = False

    def replan(self, A: torch.Tensor) -> None:
        """Replace the pattern of a plan made with ``dynamic=True`` by that of `A`, of equal sizes and blocks.

        On CUDA it only launches, on the current stream: nothing synchronises, and a graph may capture it.
        Products on that stream then have the new pattern; none may run on another stream meanwhile. Indices
        are not checked there: one out of range is replaced by the nearest in range.
        """
        require_bsr(A)
        if tuple(A.shape) != self.shape or A.values().shape != self._values_shape:
            raise ValueError(
                f"A is {tuple(A.shape)} with values {tuple(A.values().shape)}; expected {self.shape} with "
                f"values {tuple(self._values_shape)}, as the plan was made for."
            )
        ops.replan(self.number, A.crow_indices().contiguous(), A.col_indices().contiguous())

    def explain(self) -> str:
        """What was chosen and why, in several lines."""
        return ops.describe_plan(self.number)[0]

    @property
    def kernel(self) -> str:
        """Name of the chosen kernel."""
        return ops.describe_plan(self.number)[1]

    @property
    def predicted_seconds(self) -> float:
        """Time of one product by the cost model."""
        return ops.describe_plan(self.number)[2]

    @property
    def memory_bytes(self) -> int:
        """Memory that the plan holds on its device."""
        return ops.describe_plan(self.number)[3]

    def __repr__(self) -> str:
        m, k = self.shape
        return f"Plan({m} x {k} times {k} x {self.n}, kernel={self.kernel!r})"


def require_bsr(A: torch.Tensor) -> None:
    """Raise TypeError unless `A` is one block-sparse matrix."""
    if not isinstance(A, torch.Tensor):
        raise TypeError(f"A is a {type(A).__name__}; expected a torch.sparse_bsr tensor.")
    if A.layout is not torch.sparse_bsr or A.dim() != 2:
        raise TypeError(
            f"A is a {A.dim()}-dimensional tensor of layout {A.layout}; expected a matrix of layout "
            "torch.sparse_bsr: convert it with A.to_sparse_bsr((block_m, block_k))."
        )


def make_plan(
    A: torch.Tensor,
    n: int,
    *,
    out_dtype: torch.dtype | None = None,
    b_layout: Layout = "row_major",
    out_layout: Layout | None = None,
    ldb: int | None = None,
    ldc: int | None = None,
    kernel: str = "",
    batch: int = 1,
    policy: Policy = "sparse",
    dynamic: bool = False,
) -> Plan:
    """Plan products of `A`'s pattern with [k, n] matrices, on `A`'s device.

    Allocates and may synchronise; `sparse_mm(..., plan=plan)` then does neither, which CUDA-graph capture and
    loops that change `A`'s values need.

    Parameters
    ----------
    A : torch.Tensor
        torch.sparse_bsr matrix [m, k]. Its values are not read.
    n : int
        Columns of B.
    out_dtype : torch.dtype, optional
        `A.dtype` (the default) or torch.float32.
    b_layout, out_layout : {"row_major", "col_major"}
        "col_major" stands for B given as `X.t()` with X[n, k], and a result whose `.t()` is contiguous
        Y[n, m]. `out_layout` follows `b_layout` by default.
    ldb, ldc : int, optional
        Leading dimensions in elements; the tightest by default.
    kernel : str
        Kernel to use instead of the planner's choice, for example "spmm_sm80".
    batch : int
        Products in one launch, of contiguous B [batch, k, n].
    policy : {"sparse", "auto"}
        What to choose from: this library's kernels ("sparse"), or also cuBLAS on A expanded to a dense matrix
        in every product ("auto"), where that is predicted to be faster. In a dense product an infinity in B
        times a block that is not stored is NaN, and the expanded A takes m*k elements more.
    dynamic : bool
        `Plan.replan` may replace the pattern.

    Raises
    ------
    TypeError, ValueError
        `A` is no BSR matrix, or a layout has another name.
    RuntimeError
        The pattern is malformed, or no kernel computes this case; the message says which.
    """
    require_bsr(A)
    out_layout = out_layout or b_layout
    if policy not in ("sparse", "auto"):
        raise ValueError(f'policy is {policy!r}; expected "sparse" or "auto".')
    for argument, layout in (("b_layout", b_layout), ("out_layout", out_layout)):
        if layout not in ("row_major", "col_major"):
            raise ValueError(f'{argument} is {layout!r}; expected "row_major" or "col_major".')
    m, k = A.shape
    b_col_major = b_layout == "col_major"
    out_col_major = out_layout == "col_major"
    return Plan(
        A,
        n,
        out_dtype or A.dtype,
        b_col_major,
        out_col_major,
        ldb or max(1, k if b_col_major else n),
        ldc or max(1, m if out_col_major else n),
        kernel,
        batch,
        policy=policy,
        dynamic=dynamic,
    )


class _MatrixPlans:
    """The plans of one living matrix and the pattern that they were made from."""

    def __init__(self, A: torch.Tensor) -> None:
        self.ref = weakref.ref(A, partial(_forget, id(A)))
        self.version = _version(A)
        self.crow_indices = A.crow_indices().clone()
        self.col_indices = A.col_indices().clone()
        self.plans: dict[tuple, Plan] = {}

    def has_pattern_of(self, A: torch.Tensor) -> bool:
        return torch.equal(self.crow_indices, A.crow_indices()) and torch.equal(
            self.col_indices, A.col_indices()
        )


_matrices: dict[int, _MatrixPlans] = {}


def _forget(key: int, dead: weakref.ref) -> None:
    matrix = _matrices.get(key)
    if matrix is not None and matrix.ref is dead:
        del _matrices[key]


def _version(A: torch.Tensor) -> int | None:
    """Counts in-place changes of A's indices and values together; inference tensors do not count."""
    return None if A.is_inference() else A._version


def cached_plan(A: torch.Tensor, *key) -> Plan:
    """The plan of `A` for `key`, the arguments of `Plan` after `A`; made on the first call, freed with `A`.

    After an in-place change of `A` its pattern is compared with the planned one, which synchronises on CUDA.
    """
    matrix = _matrices.get(id(A))
    if matrix is None or matrix.ref() is not A:
        matrix = _matrices[id(A)] = _MatrixPlans(A)
    elif matrix.version != (version := _version(A)):
        if matrix.has_pattern_of(A):
            matrix.version = version
        else:
            matrix = _matrices[id(A)] = _MatrixPlans(A)
    plan = matrix.plans.get(key)
    if plan is None:
        plan = Plan(A, *key)
        if len(matrix.plans) >= _PLANS_PER_MATRIX:
            matrix.plans.pop(next(iter(matrix.plans)), None)
        matrix.plans[key] = plan
    return plan
