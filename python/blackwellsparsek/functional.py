"""Differentiable products of sparse and dense matrices, as functions of matrices."""

import torch

from . import activations, operators
from .activations import Activation
from .autocast import cast
from .bsr import Arrays, BSRMatrix, as_bsr
from .operators.linear import check_epilogue
from .operators.multiply import check_matrix, check_operands


def linear(
    x: torch.Tensor,
    W: torch.Tensor | BSRMatrix,
    bias: torch.Tensor | None = None,
    activation: Activation = "none",
) -> torch.Tensor:
    """``activation(x @ W.T + bias)``, as torch.nn.functional.linear, in one kernel.

    Parameters
    ----------
    x : torch.Tensor
        [..., in_features].
    W : torch.Tensor or BSRMatrix
        Block-sparse [out_features, in_features].
    bias : torch.Tensor, optional
        [out_features].
    activation : {"none", "relu", "gelu", "gelu_tanh", "silu"}
        Where a gradient is recorded, all but "relu" take a kernel of their own: they need what goes in.

    Returns
    -------
    torch.Tensor
        [..., out_features], contiguous.

    Raises
    ------
    TypeError, ValueError
        An operand's type, dtype, shape or device does not fit, or the activation has another name.
    """
    W = as_bsr(W, "W")
    _require_dense(x=x)
    if bias is not None:
        _require_dense(bias=bias)
    if not W.transposed:
        return linear_of_arrays(x, W.arrays, bias, activation)
    x, values, bias = cast(x, W.values, bias)
    rows = _rows_of(x, W.shape[1])
    check_operands(W.with_values(values).arrays, x=rows)
    check_matrix("x", rows, 1, W.shape[1])
    check_epilogue(values, W.shape[0], bias, activation)
    y = operators.dds(rows, W.crow_indices, W.col_indices, values, W.stored_shape, False, False)
    y = activations.apply(activation, y if bias is None else y + bias)
    return y.view(*x.shape[:-1], W.shape[0])


def linear_of_arrays(
    x: torch.Tensor, arrays: Arrays, bias: torch.Tensor | None, activation: Activation
) -> torch.Tensor:
    """`linear` with the arrays of W."""
    crow_indices, col_indices, values, shape = arrays
    x, values, bias = cast(x, values, bias)
    rows = x if x.dim() == 2 else _rows_of(x, shape[1])
    arrays = (crow_indices, col_indices, values, shape)
    if activation in ("none", "relu") or not _needs_gradient(x, values, bias):
        y = operators.linear(rows, *arrays, bias, activation)
    else:
        activations.number_of(activation)
        y = activations.apply(activation, operators.linear(rows, *arrays, bias, "none"))
    return y if x.dim() == 2 else y.view(*x.shape[:-1], shape[0])


def matmul(A: BSRMatrix, B: torch.Tensor) -> torch.Tensor:
    """A @ B for [k, n] or [batch, k, n]; for ``B = X.t()`` the result's ``.t()`` is contiguous."""
    if B.dim() == 3:
        batch, k, n = B.shape
        if B.transpose(1, 2).is_contiguous():
            flat = B.transpose(1, 2).reshape(batch * n, k)
            product = operators.dds(flat, *A.arrays, False, not A.transposed)
            return product.view(batch, n, A.shape[0]).transpose(1, 2)
        flat = B.transpose(0, 1).reshape(k, batch * n)
        return matmul(A, flat).view(A.shape[0], batch, n).transpose(0, 1)
    if B.t().is_contiguous() and not B.is_contiguous():
        return operators.dds(B.t(), *A.arrays, False, not A.transposed).t()
    return operators.dsd(*A.arrays, B, A.transposed, False)


def sampled_matmul(left: torch.Tensor, right: torch.Tensor, pattern: torch.Tensor | BSRMatrix) -> BSRMatrix:
    """The blocks of ``left @ right`` that `pattern` stores.

    Parameters
    ----------
    left, right : torch.Tensor
        Dense [m, n] and [n, k] of the dtype and device of `pattern`; both may require a gradient.
    pattern : torch.Tensor or BSRMatrix
        Block-sparse [m, k]. Its values are not read.

    Returns
    -------
    BSRMatrix
        Of the pattern's index tensors, transposed where `pattern` is.

    Raises
    ------
    TypeError, ValueError
        Types, dtypes, shapes or devices do not fit.
    """
    S = as_bsr(pattern, "pattern")
    _require_dense(left=left, right=right)
    left, right, values = cast(left, right, S.values)
    check_operands(S.with_values(values).arrays, left=left, right=right)
    check_matrix("left", left, 0, S.shape[0])
    check_matrix("right", right, 1, S.shape[1])
    check_matrix("right", right, 0, left.shape[1])
    if S.transposed:
        left, right = right.t(), left.t()
    return S.with_values(operators.sdd(left, right, *S.with_values(values).arrays, False, False))


def _require_dense(**given: object) -> None:
    for argument, tensor in given.items():
        if not isinstance(tensor, torch.Tensor) or tensor.layout is not torch.strided:
            kind = getattr(tensor, "layout", type(tensor).__name__)
            raise TypeError(f"{argument} is a {kind}; expected a dense torch.Tensor.")


def _rows_of(x: torch.Tensor, in_features: int) -> torch.Tensor:
    """[..., in_features] as a matrix."""
    if x.dim() == 0:
        raise ValueError(f"x has no dimensions; expected [..., {in_features}].")
    return x.reshape(x.shape[:-1].numel(), x.shape[-1])


def _needs_gradient(*tensors: torch.Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in tensors)
