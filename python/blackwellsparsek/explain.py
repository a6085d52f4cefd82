"""explain: what a product with a sparse matrix, or its gradients, would do, and why."""

from typing import TYPE_CHECKING, Literal

import torch

from .bsr import BSRMatrix, as_bsr
from .convert import blocked, unstructured
from .operators.sampled import SampledPlan
from .plan import make_plan
from .plan_cache import host_copies
from .reblock import DENSE

if TYPE_CHECKING:
    import scipy.sparse

Product = Literal["sparse_mm", "gradients", "sampled_matmul"]


def explain(
    A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix", n: int, product: Product = "sparse_mm"
) -> str:
    """Say in words how a product with the sparse matrix `A` would be computed, and why.

    Dense operands are taken to be row-major.

    Parameters
    ----------
    A : torch.Tensor, BSRMatrix, or SciPy matrix
        [m, k]. For a CSR, CSC, COO or SciPy matrix the answer begins with the predicted time of each block
        size and of a dense product.
    n : int
        Columns of B.
    product : {"sparse_mm", "gradients", "sampled_matmul"}
        ``sparse_mm(A, B)`` with B[k, n]; its gradients of B and of A's values; or
        ``sampled_matmul(left, right, A)`` with left[m, n] and right[n, k].

    Raises
    ------
    TypeError, ValueError
        `A` is no sparse matrix, for "sampled_matmul" none in blocks, or `product` has another name.
    RuntimeError
        As `make_plan`.
    """
    if product == "sparse_mm":
        return _of_product(A, n)
    if product == "sampled_matmul":
        pattern = as_bsr(A)
        return _of_sampled(pattern, n, pattern.transposed, pattern.transposed)
    if product != "gradients":
        raise ValueError(f'product is {product!r}; expected "sparse_mm", "gradients" or "sampled_matmul".')
    matrix = blocked(A, n)
    if isinstance(matrix, torch.Tensor):
        return "A is made dense, as that is fastest: its gradients are dense products by torch."
    # Of A's values: dC B^T at the stored blocks; for A = S^T it is B dC^T at those of S.
    of_B, of_values = make_plan(matrix.T, n).explain(), _of_sampled(matrix, n, False, True)
    return f"The gradient of B:\n{of_B}\nThe gradient of A's values:\n{of_values}"


def _of_product(A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix", n: int) -> str:
    parts = None if isinstance(A, BSRMatrix) else unstructured(A)
    if parts is None:
        return make_plan(blocked(A, n), n).explain()
    m, k = parts.shape
    nonzeros = parts.rows.shape[0]
    lines = [f"{m} x {k} with {nonzeros} nonzeros, in no blocks; predicted for n = {n}:"]
    for form, (seconds, elements) in sorted(parts.predictions(n).items(), key=lambda item: item[1]):
        name = "dense" if form == DENSE else f"blocks of {form}"
        share = 100 * nonzeros / max(1, elements)
        lines.append(f"  {name:<14}{seconds * 1e6:12.1f} us, {share:6.2f} % of its elements are nonzeros")
    choice = parts.choice(n)
    if choice == DENSE:
        return "\n".join([*lines, "The dense product is fastest: A is made dense, and multiplied by torch."])
    lines.append(f"Blocks of {choice} are fastest:")
    return "\n".join([*lines, make_plan(blocked(A, n), n).explain()])


def _of_sampled(pattern: BSRMatrix, n: int, left_col_major: bool, right_col_major: bool) -> str:
    """Of [m, n] times [n, k] at the blocks of `pattern` as stored."""
    arrays = (*host_copies(pattern.arrays), *pattern.arrays[2:])
    return SampledPlan(arrays, n, left_col_major, right_col_major, ld1=0, ld2=0).explain()
