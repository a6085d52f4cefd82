"""torch.ops.bsk.*: values, gradients, gradients of gradients, and what torch.library asks of operators."""

import itertools

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

import blackwellsparsek as bsk
from blackwellsparsek import operators
from support import ACTIVATIONS, random_bsr, random_dense

TRANSPOSITIONS = list(itertools.product([False, True], repeat=2))
TOLERANCE = {torch.float16: 1e-2, torch.bfloat16: 2e-2, torch.float32: 1e-5, torch.float64: 1e-12}


def matrix(
    m: int = 64, k: int = 96, block=(16, 32), dtype=torch.float64, device="cpu", seed: int = 0, cut: int = 0
) -> bsk.BSRMatrix:
    """A random matrix; its last `cut` rows and columns are missing, so that the edge is ragged."""
    A = bsk.BSRMatrix.from_torch(random_bsr(m, k, block, 0.5, dtype, device, seed))
    return bsk.BSRMatrix(A.crow_indices, A.col_indices, A.values / 8, (m - cut, k - cut))


def dense(rows: int, cols: int, like: bsk.BSRMatrix, seed: int = 1) -> torch.Tensor:
    return random_dense(rows, cols, like.dtype, str(like.device), seed) / 8


def arguments(name: str, A: bsk.BSRMatrix, transposed: tuple[bool, bool], n: int = 24) -> tuple:
    """Of the operator `name`, with its tensors that can require a gradient doing so."""
    m, k = A.shape
    A = A.with_values(A.values.clone().requires_grad_())
    first, second = transposed
    if name == "dsd":
        rows = m if first else k
        B = dense(*((n, rows) if second else (rows, n)), A).requires_grad_()
        return (*A.arrays, B, first, second)
    if name == "dds":
        cols = k if second else m
        D = dense(*((cols, n) if first else (n, cols)), A).requires_grad_()
        return (D, *A.arrays, first, second)
    if name == "sdd":
        left = dense(*((n, m) if first else (m, n)), A).requires_grad_()
        right = dense(*((k, n) if second else (n, k)), A, seed=2).requires_grad_()
        return (left, right, *A.with_values(A.values.detach()).arrays, first, second)
    block, turned = A.block, A.block[::-1]
    B = matrix(k, m, turned, A.dtype, str(A.device), seed=3)
    if first:
        A = matrix(k, m, turned, A.dtype, str(A.device))
        A.values.requires_grad_()
    if second:
        B = matrix(m, k, block, A.dtype, str(A.device), seed=3)
    return (*A.arrays, *B.with_values(B.values.requires_grad_()).arrays, first, second)


def by_torch(name: str, inputs: tuple) -> torch.Tensor:
    """The same by dense products; differentiable."""
    if name == "dsd":
        *arrays, B, first, second = inputs
        A = bsk.BSRMatrix(*arrays, transposed=first).to_dense()
        return A @ (B.t() if second else B)
    if name == "dds":
        D, *arrays, first, second = inputs
        return (D.t() if first else D) @ bsk.BSRMatrix(*arrays, transposed=second).to_dense()
    if name == "dss":
        A, B = bsk.BSRMatrix(*inputs[:4], inputs[8]), bsk.BSRMatrix(*inputs[4:8], inputs[9])
        return A.to_dense() @ B.to_dense()
    left, right, *arrays, first, second = inputs
    product = (left.t() if first else left) @ (right.t() if second else right)
    A = bsk.BSRMatrix(*arrays)
    return bsk.BSRMatrix.from_dense(product, A.block, A.mask()).values


def assert_near(got: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    error = (got.double() - expected.double()).norm() / expected.double().norm().clamp(min=1e-30)
    assert error <= TOLERANCE[dtype], f"relative error {error:.2e}"


@pytest.mark.parametrize("transposed", TRANSPOSITIONS)
@pytest.mark.parametrize("name", ["dsd", "dds", "sdd", "dss"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("block, cut", [((16, 32), 0), ((64, 64), 0), ((64, 64), 8), ((16, 16), 3)])
def test_values_and_gradients(device, name, transposed, dtype, block, cut):
    if device == "cuda" and dtype is torch.float64:
        pytest.skip("double precision is for the CPU")
    if name == "dss" and cut:
        pytest.skip("its operands have other blocks")
    A = matrix(128, 192, block, dtype, device, cut=cut)
    inputs = arguments(name, A, transposed)
    wide = [x.detach().double().requires_grad_() if is_float(x) else x for x in inputs]
    for index, x in enumerate(inputs):
        if is_float(x):
            wide[index].requires_grad_(x.requires_grad)
    got, expected = getattr(operators, name)(*inputs), by_torch(name, wide)
    assert got.dtype is dtype and got.is_contiguous()
    assert_near(got, expected, dtype)
    seed = dense(1, got.numel(), A, seed=5).view_as(got)
    needing = [i for i, x in enumerate(inputs) if is_float(x) and x.requires_grad]
    grads = torch.autograd.grad(got, [inputs[i] for i in needing], seed)
    expected_grads = torch.autograd.grad(expected, [wide[i] for i in needing], seed.double())
    for got_grad, expected_grad in zip(grads, expected_grads, strict=True):
        assert_near(got_grad, expected_grad, dtype)


def is_float(x: object) -> bool:
    return isinstance(x, torch.Tensor) and x.is_floating_point()


@pytest.mark.parametrize("transposed", TRANSPOSITIONS)
@pytest.mark.parametrize("name", ["dsd", "dds", "sdd", "dss"])
def test_gradients_of_gradients(name, transposed):
    A = matrix(32, 48, (16, 16))
    inputs = arguments(name, A, transposed, n=3)
    operator = getattr(operators, name)
    assert gradcheck(operator, inputs, fast_mode=True)
    assert gradgradcheck(operator, inputs, fast_mode=True)


@pytest.mark.parametrize("activation", ["none", "relu", "gelu", "gelu_tanh", "silu"])
@pytest.mark.parametrize("with_bias", [False, True])
def test_gradients_of_linear(activation, with_bias):
    W = matrix(32, 48, (16, 16))
    x = dense(5, 48, W).requires_grad_()
    bias = dense(1, 32, W, seed=4)[0].requires_grad_() if with_bias else None
    inputs = (x, *W.with_values(W.values.requires_grad_()).arrays, bias, activation)
    assert gradcheck(operators.linear, inputs, fast_mode=True)
    assert gradgradcheck(operators.linear, inputs, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("activation", ["none", "relu", "gelu", "gelu_tanh", "silu"])
@pytest.mark.parametrize("shape", [(40,), (3, 5)])
def test_linear_beside_torch(device, dtype, activation, shape):
    W = matrix(128, 192, (64, 64), dtype, device)
    W = W.with_values(W.values.requires_grad_())
    x = dense(15 if len(shape) == 2 else 40, 192, W).view(*shape, 192).requires_grad_()
    bias = dense(1, 128, W, seed=4)[0].requires_grad_()
    y = bsk.linear(x, W, bias, activation)
    assert y.shape == (*shape, 128) and y.dtype is dtype
    seed = dense(1, y.numel(), W, seed=5).view_as(y)
    grads = torch.autograd.grad(y, (x, W.values, bias), seed)

    wide = [t.detach().double().requires_grad_() for t in (x, W.values, bias)]
    weight = W.with_values(wide[1]).to_dense()
    expected = ACTIVATIONS[activation](torch.nn.functional.linear(wide[0], weight, wide[2]))
    assert_near(y, expected, dtype)
    expected_grads = torch.autograd.grad(expected, wide, seed.double())
    for got, expected_grad in zip(grads, expected_grads, strict=True):
        assert_near(got, expected_grad, dtype)
    with torch.no_grad():
        assert_near(bsk.linear(x, W, bias, activation), expected, dtype)


def opcheck(name: str, inputs: tuple, dtype: torch.dtype) -> None:
    checks = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
    if dtype is torch.bfloat16:  # compares with tolerances of its own, which rounding exceeds
        checks = checks[:-1]
    torch.library.opcheck(getattr(torch.ops.bsk, name).default, inputs, test_utils=checks)


@pytest.mark.parametrize("transposed", TRANSPOSITIONS)
@pytest.mark.parametrize("name", ["dsd", "dds", "sdd", "dss"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck(device, name, dtype, transposed):
    opcheck(name, arguments(name, matrix(64, 96, (16, 32), dtype, device), transposed), dtype)


@pytest.mark.parametrize("activation", ["none", "gelu"])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_opcheck_of_linear(device, dtype, with_bias, activation):
    W = matrix(64, 96, (16, 32), dtype, device)
    W.values.requires_grad_()
    bias = dense(1, 64, W)[0].requires_grad_() if with_bias else None
    opcheck("linear", (dense(8, 96, W).requires_grad_(), *W.arrays, bias, activation), dtype)


def test_a_gradient_with_strides_of_its_own(device):
    A = matrix(64, 96, (16, 32), torch.float32, device)
    B = dense(96, 24, A).requires_grad_()
    operators.dsd(*A.arrays, B, False, False).sum().backward()  # of strides 0
    expected = A.to_dense().t() @ torch.ones(64, 24, device=device)
    assert_near(B.grad, expected, torch.float32)


def test_autocast_of_products_of_two_matrices(device):
    A = matrix(64, 64, (16, 16), torch.float32).to(device)
    x = torch.randn(64, 8, device=device, requires_grad=True)
    w = torch.randn(8, 64, device=device).bfloat16()
    with torch.autocast(device, dtype=torch.bfloat16):
        sampled = bsk.sampled_matmul(x, w, A)
        product = bsk.sparse_mm(A, A.T)
    assert sampled.dtype is product.dtype is torch.bfloat16
    expected = bsk.BSRMatrix.from_dense(x.bfloat16() @ w, (16, 16), A.mask())
    assert_near(sampled.values, expected.values, torch.bfloat16)
    rounded = A.to_dense().bfloat16().double()
    assert_near(product, rounded @ rounded.t(), torch.bfloat16)
    sampled.values.sum().backward()
    assert x.grad.dtype is torch.float32
