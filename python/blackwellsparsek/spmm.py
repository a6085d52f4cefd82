"""sparse_mm: products of block-sparse and other sparse matrices with dense ones, differentiable."""

from typing import TYPE_CHECKING, Literal

import torch
from torch.autograd import forward_ad

from . import activations, functional, operators
from .activations import Activation
from .autocast import cast
from .bsr import BSRMatrix, as_bsr
from .convert import blocked, is_blocked
from .fused import check_bias, check_factors, check_out, check_residual, fused_product, require_dense
from .plan import Plan

if TYPE_CHECKING:
    import scipy.sparse

BiasAxis = Literal["row", "column"]


def sparse_mm(
    A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix",
    B: torch.Tensor | BSRMatrix,
    *,
    out: torch.Tensor | None = None,
    out_dtype: torch.dtype | None = None,
    alpha: float = 1.0,
    beta: float | None = None,
    bias: torch.Tensor | None = None,
    bias_axis: BiasAxis = "row",
    activation: Activation = "none",
    residual: torch.Tensor | None = None,
    plan: Plan | None = None,
) -> torch.Tensor:
    """Compute ``activation(alpha * A @ B + beta * residual + bias)`` for a block-sparse `A`, in one kernel.

    Products accumulate in float32. Where an operand requires a gradient, what follows the product takes
    kernels of its own, and the values of `A`, B, bias and residual receive gradients.

    Parameters
    ----------
    A : torch.Tensor, BSRMatrix, or SciPy matrix
        Sparse [m, k] of float16, bfloat16 or float32, on CUDA or the CPU; in float64, for
        torch.autograd.gradcheck, torch computes it densely. BSR matrices with block sides in
        {16, 32, 64, 128, 256} are used where they are. CSR, CSC and COO ones, and those of other blocks, are
        put into blocks of the size that the cost model predicts to be fastest, or made dense where that is:
        `explain` tells. What was made is kept as long as such a tensor lives; a SciPy matrix is converted in
        every call.
    B : torch.Tensor or BSRMatrix
        Dense [k, n], or a batch [batch, k, n] that is multiplied in one launch; dtype and device of `A`.
        Or block-sparse, which gives a dense result.
        Row-major matrices and transposed ones (``X.t()`` of X[n, k]) are used where they are; any other
        strides, or data that is not aligned to 16 bytes, are copied.
    out : torch.Tensor, optional
        Where the result goes: [m, n] or [batch, m, n], row-major or a transposed view, not overlapping an
        operand. It is left as it was when an error is raised.
    out_dtype : torch.dtype, optional
        `A.dtype` (the default) or torch.float32.
    alpha, beta : float
        `beta` scales `residual` (by default 1), or without one `out` (by default 0, and `out` is not read).
    bias : torch.Tensor, optional
        A vector of the result's dtype: [m], an element for each row of the result, as the output features of
        a linear layer are (``bias_axis="row"``), or [n], one for each column (``bias_axis="column"``). A
        batch shares it.
    activation : {"none", "relu", "gelu", "gelu_tanh", "silu"}
        "gelu" is torch's default, the form with erf.
    residual : torch.Tensor, optional
        Of the shape and dtype of the result; copied where its strides are not those of the result. It may be
        `out`.
    plan : Plan, optional
        From `make_plan`, for this pattern, n and these layouts. Without it a plan is made on the first call
        and kept as long as `A` lives. Pass one in CUDA graphs, and where the values of a torch.sparse_bsr
        tensor change in place between calls: such a change makes the cache compare patterns, which
        synchronises (a BSRMatrix does not have this cost). The caller then vouches for the pattern.

    Returns
    -------
    torch.Tensor
        `out`, or a new [m, n] matrix: row-major, except that for ``B = X.t()`` its ``.t()`` is the contiguous
        Y[n, m]. The same holds for each matrix of a batch.

    Raises
    ------
    TypeError
        An operand has the wrong type, layout or dtype.
    ValueError
        Shapes, devices or strides do not fit.
    RuntimeError
        `A`'s indices or values are malformed, `out` overlaps an operand, or no kernel computes this case;
        the message says which.

    Notes
    -----
    torch itself cannot accumulate `.grad` of a torch.sparse_bsr leaf: take its gradient by
    torch.autograd.grad, or train the values of a BSRMatrix.

    Changes made to `A` in place are noticed, except those through a tensor from which `A` was built, those
    through `A.data`, and those to inference-mode tensors.

    A kernel may round ``alpha * A @ B`` (and a bias for each row) to float16 or bfloat16 before the rest
    applies, as separate calls would; `Plan.explain` says where.
    """
    if not isinstance(B, (torch.Tensor, BSRMatrix)):
        raise TypeError(f"B is a {type(B).__name__}; expected a dense torch.Tensor.")
    if _is_sparse(B) and (out is None and out_dtype is None and plan is None):
        product = _times_sparse(A, B)
        return _followed(product, alpha, beta, bias, bias_axis, activation, residual)
    if plan is not None:
        _check_plan(plan, A)
    matrix = blocked(A, B.shape[-1] if B.shape else 0)  # a scalar is refused below
    matrix, B = _autocast(matrix, B)
    require_dense("B", B, matrix, (2, 3))
    check_factors(matrix, B)
    by_torch = matrix.dtype is torch.float64 and out is None and out_dtype is None  # no kernel computes it
    if not by_torch and not _differentiable(matrix, B, out, bias, residual):
        if isinstance(matrix, BSRMatrix):
            return fused_product(
                matrix, B, out, out_dtype, alpha, beta, bias, bias_axis, activation, residual, plan
            )
        return _dense_product(matrix, B, out, out_dtype, alpha, beta, bias, bias_axis, activation, residual)
    for argument, given in (("out", out), ("out_dtype", out_dtype), ("plan", plan)):
        if given is not None:
            raise ValueError(
                f"{argument} is for a product without gradients: leave it out, or call sparse_mm in "
                "torch.no_grad()."
            )
    product = functional.matmul(matrix, B) if isinstance(matrix, BSRMatrix) else matrix @ B
    return _followed(product, alpha, beta, bias, bias_axis, activation, residual)


def _is_sparse(B: torch.Tensor | BSRMatrix) -> bool:
    return isinstance(B, BSRMatrix) or B.layout is not torch.strided


def _times_sparse(
    A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix", B: torch.Tensor | BSRMatrix
) -> torch.Tensor:
    """A @ B of a sparse B: with a dense A, B^T A^T transposed."""
    if not isinstance(A, torch.Tensor) or A.layout is not torch.strided:
        A, B = blocked(A, B.shape[-1]), as_bsr(B, "B")
        if isinstance(A, BSRMatrix):
            A, B = map(BSRMatrix.with_values, (A, B), cast(A.values, B.values))
            check_factors(A, B)
            return operators.dss(*A.arrays, *B.arrays, A.transposed, B.transposed)
    if A.dim() not in (2, 3):
        raise TypeError(f"A is a {A.dim()}-dimensional dense tensor; expected a matrix or a batch of them.")
    matrix, A = _autocast(blocked(B, A.shape[-2]), A)
    check_factors(A, matrix)
    return A @ matrix if isinstance(matrix, torch.Tensor) else functional.matmul(matrix.T, A.mT).mT


def _autocast(A: BSRMatrix | torch.Tensor, B: torch.Tensor) -> tuple[BSRMatrix | torch.Tensor, torch.Tensor]:
    if isinstance(A, torch.Tensor):
        return cast(A, B)
    values, B = cast(A.values, B)
    return (A if values is A.values else A.with_values(values)), B


def _check_plan(plan: Plan, A: "torch.Tensor | BSRMatrix | scipy.sparse.spmatrix") -> None:
    """Raise unless it is a plan, and `A` of a form that plans are made for."""
    if not isinstance(plan, Plan):
        raise TypeError(f"plan is a {type(plan).__name__}; expected a Plan from make_plan, or None.")
    if not is_blocked(A):
        raise ValueError(
            "plan is for a matrix in BSR form, and A is in none: leave plan out, or pass a BSRMatrix as A."
        )


def _differentiable(A: BSRMatrix | torch.Tensor, *others: torch.Tensor | None) -> bool:
    """Whether the product is to be differentiated, or traced: in one kernel it cannot be."""
    if torch.compiler.is_compiling() or forward_ad._current_level >= 0:
        return True
    return torch.is_grad_enabled() and (
        A.requires_grad or any(isinstance(x, torch.Tensor) and x.requires_grad for x in others)
    )


def _dense_product(
    A: torch.Tensor,
    B: torch.Tensor,
    out: torch.Tensor | None,
    out_dtype: torch.dtype | None,
    alpha: float,
    beta: float | None,
    bias: torch.Tensor | None,
    bias_axis: BiasAxis,
    activation: Activation,
    residual: torch.Tensor | None,
) -> torch.Tensor:
    """As `fused_product`, by torch, of a matrix that is faster dense."""
    if out is not None:
        check_out(out, out_dtype, A, B)
        out_dtype = out.dtype
        if beta and residual is None:
            residual = out
    if out_dtype not in (None, A.dtype, torch.float32):
        raise TypeError(f"The result is to be {out_dtype}; expected {A.dtype}, as A is, or torch.float32.")
    product = A @ B if out_dtype in (None, A.dtype) else A.to(out_dtype) @ B.to(out_dtype)
    result = _followed(product, alpha, beta, bias, bias_axis, activation, residual)
    return result if out is None else out.copy_(result)


def _followed(
    product: torch.Tensor,
    alpha: float,
    beta: float | None,
    bias: torch.Tensor | None,
    bias_axis: BiasAxis,
    activation: Activation,
    residual: torch.Tensor | None,
) -> torch.Tensor:
    """What follows a product, by torch."""
    activations.number_of(activation)
    if beta and residual is None:
        raise ValueError(f"beta is {beta} and there is no residual to scale: pass one, or leave beta out.")
    if alpha != 1:
        product = alpha * product
    if residual is not None:
        check_residual(residual, product)
        product = product + (residual if beta is None else beta * residual)
    if bias is not None:
        check_bias(bias, bias_axis, product)
        product = product + (bias[:, None] if bias_axis == "row" else bias)
    return activations.apply(activation, product)
