"""explain: what sparse_mm would do with a matrix, and why."""

from typing import TYPE_CHECKING

import torch

from .bsr import BSRMatrix
from .convert import blocked, unstructured
from .plan import make_plan
from .reblock import DENSE

if TYPE_CHECKING:
    import scipy.sparse


def explain(A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix", n: int) -> str:
    """Say in words how ``sparse_mm(A, B)`` with B[k, n] would be computed, and why.

    For a CSR, CSC, COO or SciPy matrix that is the predicted time of each block size and of a dense product,
    and the plan of the fastest.
    """
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
