"""sparse_mm on each device: values, layouts, strides, dtypes, alpha and beta, and what it leaves alone."""

import pytest
import torch

import blackwellsparsek as bsk
from support import assert_product, oracle, random_bsr, random_dense

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def test_version_is_the_library_version():
    assert [part.isdecimal() for part in bsk.__version__.split(".")] == [True] * 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("block", [(16, 16), (32, 32), (64, 64), (128, 128), (256, 256), (64, 16), (32, 128)])
def test_every_block_and_dtype(device, dtype, block):
    A = random_bsr(512, 768, block, dtype=dtype, device=device)
    B = random_dense(768, 136, dtype, device)
    C = bsk.sparse_mm(A, B)
    assert C.dtype is dtype and C.device == A.device and C.is_contiguous()
    assert_product(C, A, B)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_float32_result(device, dtype):
    A = random_bsr(128, 192, (64, 64), dtype=dtype, device=device)
    B = random_dense(192, 40, dtype, device)
    C = bsk.sparse_mm(A, B, out_dtype=torch.float32)
    assert C.dtype is torch.float32
    assert_product(C, A, B)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 31, 129])
@pytest.mark.parametrize("block", [(16, 16), (64, 64)])
def test_ragged_n(device, n, block):
    A = random_bsr(128, 128, block, device=device)
    B = random_dense(128, n, device=device)
    assert_product(bsk.sparse_mm(A, B), A, B)
    X = random_dense(n, 128, device=device)
    assert_product(bsk.sparse_mm(A, X.t()), A, X.t())


def test_double_precision_with_and_without_gradients(device):
    A = random_bsr(64, 96, dtype=torch.float64, device=device)
    B = random_dense(96, 24, torch.float64, device)
    bias = random_dense(1, 64, torch.float64, device)[0]
    for right in (B, B.clone().requires_grad_()):
        C = bsk.sparse_mm(A, right, bias=bias)
        torch.testing.assert_close(C.detach(), A.to_dense() @ B + bias[:, None], rtol=1e-12, atol=1e-12)


def test_linear_layer_layout_gives_a_contiguous_y(device):
    A = random_bsr(128, 192, (64, 64), device=device)
    X = random_dense(48, 192, device=device)
    C = bsk.sparse_mm(A, X.t())
    assert C.shape == (128, 48) and C.t().is_contiguous()
    assert_product(C, A, X.t())


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda wide: wide[:64, :40], id="row-major with a larger ld"),
        pytest.param(lambda wide: wide[:40, :64].t(), id="column-major with a larger ld"),
        pytest.param(lambda wide: wide[:64, 1:41], id="misaligned"),
        pytest.param(lambda wide: wide[:128:2, :40], id="every second row"),
        pytest.param(lambda wide: wide[:64, :80:2], id="every second column"),
        pytest.param(lambda wide: wide[:1, :40].expand(64, 40), id="one row repeated"),
        pytest.param(lambda wide: wide[:64, :1].expand(64, 40), id="one column repeated"),
        pytest.param(lambda wide: wide[:64, 3:4], id="a single column of a wide matrix"),
    ],
)
def test_strided_b(device, view):
    A = random_bsr(96, 64, device=device)
    wide = random_dense(128, 96, device=device)
    before = wide.clone()
    B = view(wide)
    assert_product(bsk.sparse_mm(A, B), A, B)
    assert torch.equal(wide, before)


def test_out_is_fully_overwritten_and_inputs_are_left_alone(device):
    A = random_bsr(96, 64, device=device, density=0.2)
    B = random_dense(64, 40, device=device)
    values, b = A.values().clone(), B.clone()
    out = torch.full((96, 40), torch.nan, dtype=A.dtype, device=device)
    assert bsk.sparse_mm(A, B, out=out) is out
    assert_product(out, A, B)
    assert torch.equal(A.values(), values) and torch.equal(B, b)


def test_only_the_elements_of_out_are_written(device):
    A = random_bsr(96, 64, device=device)
    B = random_dense(64, 40, device=device)
    frame = torch.full((98, 64), 5.0, dtype=A.dtype, device=device)
    bsk.sparse_mm(A, B, out=frame[1:97, 8:48])
    assert_product(frame[1:97, 8:48], A, B)
    frame[1:97, 8:48] = 5.0
    assert (frame == 5.0).all()


@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("out_transposed", [False, True])
def test_layouts_of_b_and_out_are_independent(device, b_transposed, out_transposed):
    A = random_bsr(128, 64, (64, 64), device=device)
    B = random_dense(40, 64, device=device).t() if b_transposed else random_dense(64, 40, device=device)
    out = torch.empty(40, 128, dtype=A.dtype, device=device).t() if out_transposed else None
    C = bsk.sparse_mm(A, B, out=out)
    assert_product(C, A, B)


@pytest.mark.parametrize("alpha, beta", [(2.0, 0.0), (1.0, 1.0), (-0.5, 0.25), (0.0, 2.0)])
@pytest.mark.parametrize("block", [(16, 16), (64, 64)])
def test_alpha_and_beta(device, alpha, beta, block):
    A = random_bsr(128, 64, block, device=device)
    B = random_dense(64, 40, device=device)
    C0 = random_dense(128, 40, device=device, seed=9)
    out = C0.clone()
    bsk.sparse_mm(A, B, out=out, alpha=alpha, beta=beta)
    assert_product(out, A, B, alpha, beta, C0)


def test_nan_and_infinity_stay_where_they_belong(device):
    A = random_bsr(64, 64, density=0.5, device=device)
    B = random_dense(64, 40, device=device)
    A.values()[1, 2, 3] = torch.nan
    B[5, 6] = torch.inf
    assert_product(bsk.sparse_mm(A, B), A, B)


@pytest.mark.parametrize("m, k, n", [(64, 64, 0), (0, 64, 8), (64, 0, 8)])
def test_empty_sizes(device, m, k, n):
    A = random_bsr(m, k, device=device)
    C = bsk.sparse_mm(A, random_dense(k, n, device=device))
    assert C.shape == (m, n)
    assert not C.any()


def test_no_stored_block_scales_out_by_beta(device):
    A = random_bsr(64, 64, density=0.0, device=device)
    B = random_dense(64, 8, device=device)
    assert not bsk.sparse_mm(A, B).any()
    out = torch.ones(64, 8, dtype=A.dtype, device=device)
    bsk.sparse_mm(A, B, out=out, beta=0.5)
    assert (out == 0.5).all()


def test_int32_indices_and_parameters(device):
    A = random_bsr(64, 64, device=device)
    A = torch.sparse_bsr_tensor(A.crow_indices().int(), A.col_indices().int(), A.values(), size=A.shape)
    weight = torch.nn.Parameter(A, requires_grad=False)
    B = random_dense(64, 24, device=device)
    assert_product(bsk.sparse_mm(weight, B), A, B)


def test_inference_mode(device):
    with torch.inference_mode():
        A = random_bsr(64, 64, device=device)
        B = random_dense(64, 24, device=device)
        C = bsk.sparse_mm(A, B)
    assert_product(C, A, B)


@pytest.mark.parametrize("batch", [(), (3,)])
@pytest.mark.parametrize("transposed", [False, True])
def test_gradients_of_every_operand(device, batch, transposed):
    """activation(2 A B + 0.5 R + bias) beside the same by torch, with A a torch.sparse_bsr leaf."""
    A = random_bsr(64, 96, dtype=torch.float32, device=device)
    A.values().div_(8)
    A.requires_grad_()
    B = random_dense(1, 3 * 96 * 24, torch.float32, device)[0][: len(batch) * 2 * 96 * 24 + 96 * 24] / 8
    B = (B.view(*batch, 24, 96).mT if transposed else B.view(*batch, 96, 24)).detach().requires_grad_()
    R = random_dense(1, 64 * 24, torch.float32, device).view(64, 24).expand(*batch, 64, 24).clone()
    R, bias = R.requires_grad_(), random_dense(1, 64, torch.float32, device)[0].requires_grad_()
    C = bsk.sparse_mm(A, B, alpha=2.0, beta=0.5, residual=R, bias=bias, activation="silu")
    assert not transposed or C.mT.is_contiguous()
    dense = A.detach().to_dense().requires_grad_()
    expected = torch.nn.functional.silu(2 * (dense @ B) + 0.5 * R + bias[:, None])
    torch.testing.assert_close(C, expected, rtol=1e-4, atol=1e-4)
    seed = torch.randn_like(C)
    got_A, *got = torch.autograd.grad(C, (A, B, R, bias), seed)
    expected_A, *others = torch.autograd.grad(expected, (dense, B, R, bias), seed)
    for one, other in zip(got, others, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert got_A.layout is torch.sparse_bsr
    stored = A.detach().to_dense() != 0
    torch.testing.assert_close(got_A.to_dense(), expected_A * stored, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("argument", ["out", "plan", "out_dtype"])
def test_what_no_gradient_passes_through_is_refused(argument):
    A = random_bsr(64, 64, dtype=torch.float32)
    B = random_dense(64, 24, torch.float32).requires_grad_()
    given = {"out": torch.zeros(64, 24), "plan": bsk.make_plan(A, 24), "out_dtype": torch.float32}
    with pytest.raises(ValueError, match=f"{argument} is for a product.*without gradients"):
        bsk.sparse_mm(A, B, **{argument: given[argument]})
    with torch.no_grad():
        assert_product(bsk.sparse_mm(A, B, **{argument: given[argument]}), A, B)


def test_the_comparison_fails_for_one_wrong_element():
    A = random_bsr(64, 64)
    B = random_dense(64, 24)
    C = oracle(A, B).half()
    assert_product(C, A, B)
    C[3, 4] += 1
    with pytest.raises(AssertionError, match="Frobenius"):
        assert_product(C, A, B)
