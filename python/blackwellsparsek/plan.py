"""Plans: how one sparse pattern is multiplied by dense matrices."""

import weakref
from typing import Literal

import torch

from ._ops import ops
from .bsr import Arrays, BSRMatrix, as_bsr
from .plan_cache import host_copies

Layout = Literal["row_major", "col_major"]
Policy = Literal["sparse", "auto"]


class Plan:
    """How products of one sparse pattern with [k, n] matrices of one layout are computed.

    Made by `make_plan`, and good for any values of the same pattern, unless they are fixed, on any stream of
    its device.

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
    transpose_a : bool
        Whether products are those of the transpose of the sparse matrix: [m, n] to [k, n].
    dynamic : bool
        Whether `replan` may replace the pattern.
    fixed_values : bool
        Whether products are of the values that the plan was made from; it keeps them alive.
    indices : tuple[torch.Tensor, torch.Tensor]
        crow_indices and col_indices that were planned, on the CPU; nobody else writes to them.
    """

    def __init__(
        self,
        arrays: Arrays,
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
        transpose_a: bool = False,
        fixed_values: bool = False,
    ) -> None:
        crow_indices, col_indices, values, (m, k) = arrays
        self.shape = (m, k)
        self.transpose_a = transpose_a
        self.dynamic = dynamic
        self.indices = (crow_indices, col_indices)
        self.fixed_values = fixed_values
        self._values_shape = values.shape
        self._fixed = values.detach() if fixed_values else None
        self._fixed_version = _version_of(values) if fixed_values else None
        self.n = n
        self.out_dtype = out_dtype
        self.b_col_major = b_col_major
        self.out_col_major = out_col_major
        self.ldb = ldb
        self.ldc = ldc
        self.batch = batch
        self.number: int = ops.make_plan(
            crow_indices,
            col_indices,
            values.contiguous() if fixed_values else values,
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
            transpose_a,
            fixed_values,
        )
        weakref.finalize(self, ops.free_plan, self.number).atexit = False

    def replan(self, A: torch.Tensor | BSRMatrix) -> None:
        """Replace the pattern of a plan made with ``dynamic=True`` by that of `A`, of equal sizes and blocks.

        On CUDA it only launches, on the current stream: nothing synchronises, and a graph may capture it.
        Products on that stream then have the new pattern; none may run on another stream meanwhile. Indices
        are not checked there: one out of range is replaced by the nearest in range.
        """
        matrix = as_bsr(A)
        if matrix.transposed != self.transpose_a:
            raise ValueError(
                f"A.transposed is {matrix.transposed}; expected {self.transpose_a}, as the plan was made for."
            )
        crow_indices, col_indices, values, shape = matrix.arrays
        if shape != self.shape or values.shape != self._values_shape:
            raise ValueError(
                f"A is {shape} with values {tuple(values.shape)}; expected {self.shape} with "
                f"values {tuple(self._values_shape)}, as the plan was made for."
            )
        ops.replan(self.number, crow_indices.contiguous(), col_indices.contiguous())

    def check_values(self, values: torch.Tensor) -> None:
        """Raise ValueError unless products with these values of A are those that the plan was made for."""
        fixed = self._fixed
        if fixed is None:
            return
        if values.dtype is not fixed.dtype:
            raise ValueError(
                f"A's values are {values.dtype} here, by autocast or else; the plan's fixed values are "
                f"{fixed.dtype}. Make the plan from values of that dtype."
            )
        same = values.data_ptr() == fixed.data_ptr() and values.stride() == fixed.stride()
        if not same or values.shape != fixed.shape or _version_of(values) != self._fixed_version:
            raise ValueError(
                "A's values are not those that the plan was made from, or were changed since: make a new "
                "plan, or one without fixed_values."
            )

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

    def __reduce__(self):
        raise TypeError("A Plan belongs to its process, and is neither copied nor pickled: make it anew.")

    def __repr__(self) -> str:
        rows, inner = reversed(self.shape) if self.transpose_a else self.shape
        return f"Plan({rows} x {inner} times {inner} x {self.n}, kernel={self.kernel!r})"


def make_plan(
    A: torch.Tensor | BSRMatrix,
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
    fixed_values: bool = False,
) -> Plan:
    """Plan products of `A`'s pattern with [k, n] matrices, on `A`'s device.

    Allocates and may synchronise; `sparse_mm(..., plan=plan)` then does neither, which CUDA-graph capture and
    loops that change `A`'s values need.

    Parameters
    ----------
    A : torch.Tensor or BSRMatrix
        torch.sparse_bsr matrix [m, k], or a BSRMatrix, which may be transposed. Its values are read only for
        ``fixed_values=True``.
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
        ("auto"), where that is predicted to be faster. A is expanded in every product, unless its values are
        fixed. In a dense product an infinity in B times a block that is not stored is NaN, and the expanded A
        takes m*k elements more.
    dynamic : bool
        `Plan.replan` may replace the pattern.
    fixed_values : bool
        Products will be of `A`'s present values only, as in inference: what a kernel needs of them in another
        form (A expanded, blocks transposed) is made now, on the current stream, for which products on other
        streams must wait. A product of other values, or after a change in place that torch counts, raises a
        ValueError; the replay of a CUDA graph cannot.

    Raises
    ------
    TypeError, ValueError
        `A` is no BSR matrix, a layout has another name, or values are to be fixed of a dynamic plan, or of a
        torch.sparse_bsc matrix whose blocks are copied in each call.
    RuntimeError
        The pattern is malformed, or no kernel computes this case; the message says which.
    """
    matrix = as_bsr(A)
    out_layout = out_layout or b_layout
    if policy not in ("sparse", "auto"):
        raise ValueError(f'policy is {policy!r}; expected "sparse" or "auto".')
    for argument, layout in (("b_layout", b_layout), ("out_layout", out_layout)):
        if layout not in ("row_major", "col_major"):
            raise ValueError(f'{argument} is {layout!r}; expected "row_major" or "col_major".')
    if dynamic and fixed_values:
        raise ValueError(
            "dynamic and fixed_values are both True: a new pattern has new values. Pass one of them."
        )
    if fixed_values and as_bsr(A).values.data_ptr() != matrix.values.data_ptr():
        raise ValueError(
            "A's blocks are copied in each call, as it is a torch.sparse_bsc matrix: fixed_values needs a "
            "BSRMatrix, as BSRMatrix.from_torch(A) makes it."
        )
    m, k = matrix.shape
    b_col_major = b_layout == "col_major"
    out_col_major = out_layout == "col_major"
    return Plan(
        (*host_copies(matrix.arrays), *matrix.arrays[2:]),
        n,
        out_dtype or matrix.dtype,
        b_col_major,
        out_col_major,
        ldb or max(1, k if b_col_major else n),
        ldc or max(1, m if out_col_major else n),
        kernel,
        batch,
        policy=policy,
        dynamic=dynamic,
        transpose_a=matrix.transposed,
        fixed_values=fixed_values,
    )


def _version_of(values: torch.Tensor) -> int | None:
    """Count of changes in place; None of inference tensors, which do not count."""
    return None if values.is_inference() else values._version
