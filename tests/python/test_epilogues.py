"""Bias, activation, residual and batches of sparse_mm, beside the same steps by torch."""

from functools import partial

import pytest
import torch

import blackwellsparsek as bsk
from support import ACTIVATIONS, assert_product, random_bsr, random_dense

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
NAMES = ["none", "relu", "gelu", "gelu_tanh", "silu"]


def vector(length: int, dtype: torch.dtype, device: str, seed: int = 3) -> torch.Tensor:
    return random_dense(1, length, dtype, device, seed)[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [16, 32, 64, 128])
@pytest.mark.parametrize("activation", NAMES)
def test_linear_layer(device, dtype, block, activation):
    """activation(F.linear(X, W, bias) + residual) with W sparse."""
    A = random_bsr(256, 384, (block, block), dtype=dtype, device=device)
    X = random_dense(72, 384, dtype, device) / 16
    bias = vector(256, dtype, device)
    residual = random_dense(72, 256, dtype, device, seed=5)
    Y = bsk.sparse_mm(A, X.t(), bias=bias, activation=activation, residual=residual.t()).t()
    assert Y.is_contiguous()
    assert_product(Y.t(), A, X.t(), 1.0, 1.0, residual.t(), bias[:, None], activation)
    dense = A.to_dense().float()
    eager = ACTIVATIONS[activation](X.float() @ dense.t() + bias.float() + residual.float())
    assert torch.allclose(Y.float(), eager, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("axis", ["row", "column"])
@pytest.mark.parametrize("block", [16, 128])
def test_bias_axes(device, axis, block):
    A = random_bsr(256, 128, (block, block), device=device)
    B = random_dense(128, 40, device=device)
    bias = vector(256 if axis == "row" else 40, A.dtype, device)
    C = bsk.sparse_mm(A, B, bias=bias, bias_axis=axis)
    assert_product(C, A, B, bias=bias[:, None] if axis == "row" else bias)


def test_residual_of_other_strides_is_copied(device):
    A = random_bsr(64, 64, device=device)
    B = random_dense(64, 24, device=device)
    residual = random_dense(24, 64, device=device, seed=9).t()
    assert_product(bsk.sparse_mm(A, B, residual=residual), A, B, 1.0, 1.0, residual)
    assert_product(bsk.sparse_mm(A, B, residual=residual, beta=-0.5), A, B, 1.0, -0.5, residual)
    assert_product(bsk.sparse_mm(A, B, residual=residual, beta=0.0), A, B)


def test_residual_may_be_out(device):
    A = random_bsr(128, 128, (64, 64), device=device)
    B = random_dense(128, 24, device=device)
    before = random_dense(128, 24, device=device, seed=9)
    out = before.clone()
    assert bsk.sparse_mm(A, B, out=out, residual=out, activation="silu") is out
    assert_product(out, A, B, 1.0, 1.0, before, activation="silu")


@pytest.mark.parametrize("block", [16, 64, 128])
def test_activations_over_their_whole_range(device, block):
    """A is the identity, so that each element of C is an activation of a known number."""
    for dtype, tolerance in ((torch.float16, 2**-10), (torch.bfloat16, 2**-7), (torch.float32, 4e-6)):
        A = torch.eye(block).to(dtype).to_sparse_bsr((block, block)).to(device)
        x = torch.linspace(-12, 12, 64 * block).reshape(block, 64).to(dtype).to(device)
        for activation in NAMES:
            got = bsk.sparse_mm(A, x, activation=activation).double()
            expected = ACTIVATIONS[activation](x.double())
            error = (got - expected).abs() - tolerance * expected.abs()
            assert error.max() <= 6e-8, f"{activation} of {x.flatten()[error.argmax()]} in {dtype}"


@pytest.mark.parametrize("activation", NAMES)
def test_nan_passes_through(device, activation):
    A = random_bsr(64, 64, (32, 32), density=1.0, device=device)
    B = random_dense(64, 24, device=device)
    B[5, 6] = torch.nan
    C = bsk.sparse_mm(A, B, activation=activation)
    assert C[:, 6].isnan().all()
    assert not C[:, :6].isnan().any()


@pytest.mark.parametrize("block", [16, 32, 64, 128])
@pytest.mark.parametrize("transposed", [False, True])
def test_batch(device, block, transposed):
    A = random_bsr(256, 128, (block, block), device=device)
    X = random_dense(3 * 128, 40, device=device).reshape(3, 128, 40)
    B = random_dense(3 * 40, 128, device=device).reshape(3, 40, 128).transpose(1, 2) if transposed else X
    bias = vector(256, A.dtype, device)
    residual = random_dense(3 * 256, 40, device=device, seed=5).reshape(3, 256, 40)
    C = bsk.sparse_mm(A, B)
    assert C.shape == (3, 256, 40)
    assert (C.transpose(1, 2) if transposed else C).is_contiguous()
    fused = bsk.sparse_mm(A, B, bias=bias, activation="gelu", residual=residual)
    for i in range(3):
        assert_product(C[i], A, B[i])
        assert_product(fused[i], A, B[i], 1.0, 1.0, residual[i], bias[:, None], "gelu")


def test_batch_with_gaps_and_out(device):
    A = random_bsr(128, 64, (64, 64), device=device)
    B = random_dense(4 * 70, 48, device=device).reshape(4, 70, 48)[:, :64, :40]
    out = torch.full((128, 4, 40), torch.nan, dtype=A.dtype, device=device).transpose(0, 1)
    bsk.sparse_mm(A, B, out=out)
    expanded = bsk.sparse_mm(A, B[:1].expand(4, -1, -1))
    for i in range(4):
        assert_product(out[i], A, B[i])
        assert_product(expanded[i], A, B[0])


def test_batch_plan(device):
    A = random_bsr(128, 64, (64, 64), device=device)
    plan = bsk.make_plan(A, 40, batch=3)
    B = random_dense(3 * 64, 40, device=device).reshape(3, 64, 40)
    C = bsk.sparse_mm(A, B, plan=plan)
    assert_product(C[2], A, B[2])
    with pytest.raises(RuntimeError, match="the plan expects 3 of 64 x 40"):
        bsk.sparse_mm(A, B[:2], plan=plan)


@pytest.mark.parametrize(
    "error, message, arguments",
    [
        (ValueError, "activation is 'tanh'", lambda zeros: {"activation": "tanh"}),
        (ValueError, "bias_axis is 'm'", lambda zeros: {"bias": zeros(64), "bias_axis": "m"}),
        (ValueError, "expected 64 contiguous ones", lambda zeros: {"bias": zeros(24)}),
        (ValueError, "expected 64 contiguous ones", lambda zeros: {"bias": zeros(128)[::2]}),
        (TypeError, "bias is torch.float32", lambda zeros: {"bias": zeros(64).float()}),
        (TypeError, "expected a dense vector", lambda zeros: {"bias": zeros(64, 1)}),
        (ValueError, "residual is 24 x 64; expected 64 x 24", lambda zeros: {"residual": zeros(24, 64)}),
        (TypeError, "residual is torch.float32", lambda zeros: {"residual": zeros(64, 24).float()}),
        (ValueError, "without gradients", lambda zeros: {"bias": zeros(64).requires_grad_()}),
        (ValueError, "without gradients", lambda zeros: {"residual": zeros(64, 24).requires_grad_()}),
    ],
)
def test_wrong_arguments(device, error, message, arguments):
    A = random_bsr(64, 64, device=device)
    B = random_dense(64, 24, device=device)
    out = torch.full((64, 24), 7.0, dtype=A.dtype, device=device)
    with pytest.raises(error, match=message):
        bsk.sparse_mm(A, B, out=out, **arguments(partial(torch.zeros, dtype=A.dtype, device=device)))
    assert (out == 7).all()
