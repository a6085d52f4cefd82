"""sparse_mm of CSR, CSC, COO, BSC and SciPy matrices: results, gradients, what is kept."""

import gc

import pytest
import torch

import blackwellsparsek as bsk
from blackwellsparsek import convert
from blackwellsparsek.reblock import DENSE
from support import random_bsr, random_dense

FORMS = {
    "csr": lambda dense: dense.to_sparse_csr(),
    "csc": lambda dense: dense.to_sparse_csc(),
    "coo": lambda dense: dense.to_sparse_coo(),
    "bsc": lambda dense: dense.to_sparse_bsc((10, 14)),
}
KINDS = ["clustered", "scattered", "empty"]


def sparse(kind: str, device: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """A dense 300 x 420 matrix with few nonzeros: in two corners, everywhere, or none."""
    dense = random_dense(300, 420, dtype, device)
    if kind == "clustered":
        keep = torch.zeros(300, 420, dtype=torch.bool, device=device)
        keep[:37, :50] = keep[-20:, -30:] = True
    else:
        keep = random_dense(300, 420, torch.float32, device, seed=3) > (2.5 if kind == "scattered" else 99)
    return torch.where(keep, dense, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_products(device, kind, form, dtype):
    dense = sparse(kind, device, dtype)
    A = FORMS[form](dense)
    tolerance = 1e-4 if dtype is torch.float32 else 5e-2
    B = random_dense(420, 40, dtype, device)
    expected = dense.float() @ B.float()
    torch.testing.assert_close(bsk.sparse_mm(A, B).float(), expected, rtol=tolerance, atol=tolerance)
    X = random_dense(40, 300, dtype, device)
    product = bsk.sparse_mm(X, A).float()
    torch.testing.assert_close(product, X.float() @ dense.float(), rtol=tolerance, atol=tolerance)
    bias = random_dense(1, 300, dtype, device)[0]
    followed = bsk.sparse_mm(A, B, bias=bias, activation="relu").float()
    expected = torch.relu(expected + bias.float()[:, None])
    torch.testing.assert_close(followed, expected, rtol=tolerance, atol=tolerance)


def test_bsc(device):
    dense = torch.zeros(64, 96, device=device)
    dense[:16, 32:64] = dense[48:, :32] = 2.0
    B = random_dense(96, 24, torch.float32, device)
    A = dense.to_sparse_bsc((16, 32))
    torch.testing.assert_close(bsk.sparse_mm(A, B), dense @ B)
    torch.testing.assert_close(bsk.sparse_mm(A, B, plan=bsk.make_plan(A, 24)), dense @ B)
    torch.testing.assert_close(bsk.linear(B.t(), A), B.t() @ dense.t())
    torch.testing.assert_close(bsk.BSRMatrix.from_torch(A).to_dense(), dense)


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_gradients(device, form):
    A = FORMS[form](sparse("clustered", device)).requires_grad_()
    B = random_dense(420, 24, torch.float32, device).requires_grad_()
    C = bsk.sparse_mm(A, B)
    seed = torch.randn_like(C)
    got_A, got_B = torch.autograd.grad(C, (A, B), seed)
    dense = A.detach().to_dense()
    torch.testing.assert_close(got_B, dense.t() @ seed, rtol=1e-4, atol=1e-3)
    expected = torch.where(dense != 0, seed @ B.detach().t(), 0)
    torch.testing.assert_close(got_A.to_dense(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("layout", ["bsr", "bsc"])
@pytest.mark.parametrize("block", [(4, 4), (20, 12), (10, 60)])
def test_blocks_that_no_kernel_knows_are_put_into_others(device, block, layout):
    A = getattr(sparse("clustered", device), f"to_sparse_{layout}")(block).requires_grad_()
    B = random_dense(420, 24, torch.float32, device).requires_grad_()
    dense = A.detach().to_dense()
    C = bsk.sparse_mm(A, B)
    torch.testing.assert_close(C, dense @ B, rtol=1e-4, atol=1e-4)
    seed = torch.ones_like(C)
    got_A, got_B = torch.autograd.grad(C, (A, B), seed)
    torch.testing.assert_close(got_B, dense.t() @ seed, rtol=1e-4, atol=1e-3)
    stored = torch.where(A.detach().to_dense() != 0, 1, 0)
    expected = seed @ B.detach().t()
    torch.testing.assert_close(got_A.to_dense() * stored, expected * stored, rtol=1e-4, atol=1e-3)
    assert "in no blocks" in bsk.explain(A, 24)


def test_arrays_that_form_no_blocks_are_refused():
    A = torch.sparse_bsr_tensor([0, 1, 3], [0, 1, 2], torch.ones(3, 8, 8), (32, 32), check_invariants=False)
    with pytest.raises(ValueError, match="the arrays form no BSR matrix"):
        bsk.sparse_mm(A, torch.ones(32, 8))


def test_scipy(device):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    if device == "cuda":
        pytest.skip("SciPy matrices lie on the CPU")
    dense = sparse("clustered", device)
    B = random_dense(420, 24, torch.float32)
    matrices = [make(dense.numpy()) for make in (scipy_sparse.csr_matrix, scipy_sparse.coo_array)]
    matrices += [scipy_sparse.lil_matrix(dense.numpy()), matrices[0].tobsr((4, 6))]
    for matrix in matrices:
        torch.testing.assert_close(bsk.sparse_mm(matrix, B), dense @ B, rtol=1e-4, atol=1e-4)


def test_the_conversion_is_kept_until_the_matrix_changes(monkeypatch):
    taken = []
    places_of = convert._places_of
    monkeypatch.setattr(convert, "_places_of", lambda A: (taken.append(1), places_of(A))[1])
    A = sparse("clustered", "cpu").to_sparse_csr()
    B = random_dense(420, 24, torch.float32)
    for _ in range(3):
        bsk.sparse_mm(A, B)
    assert len(taken) == 1
    A.values().mul_(2)
    torch.testing.assert_close(bsk.sparse_mm(A, B), A.to_dense() @ B, rtol=1e-4, atol=1e-4)
    assert len(taken) == 2
    key = id(A)
    assert key in convert._cached
    del A
    gc.collect()
    assert key not in convert._cached


def test_a_dense_matrix_in_sparse_form_is_multiplied_densely(device):
    A = random_dense(512, 512, torch.float32, device).to_sparse_csr()
    assert convert.unstructured(A).choice(256) in (DENSE, 128)
    B = random_dense(512, 256, torch.float32, device)
    torch.testing.assert_close(bsk.sparse_mm(A, B), A.to_dense() @ B, rtol=1e-3, atol=1e-2)


def chosen(form: int, A: torch.Tensor, n: int) -> torch.Tensor:
    """`A`, for which `form` counts as the fastest."""
    convert.unstructured(A).choices[n] = form
    return A


@pytest.mark.parametrize("form", [DENSE, 16])
def test_out_takes_the_result_whatever_form_is_chosen(device, form):
    dense = sparse("clustered", device)
    A = chosen(form, dense.to_sparse_csr(), 40)
    B = random_dense(420, 40, torch.float32, device)
    for out in (torch.ones(300, 40, device=device), torch.ones(40, 300, device=device).t()):
        assert bsk.sparse_mm(A, B, out=out, beta=2.0) is out
        torch.testing.assert_close(out, dense @ B + 2, rtol=1e-4, atol=1e-4)
    half = bsk.sparse_mm(chosen(form, A.half(), 40), B.half(), out_dtype=torch.float32)
    assert half.dtype is torch.float32
    torch.testing.assert_close(half, dense.half().float() @ B.half().float(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("form", [DENSE, 16])
def test_what_does_not_fit_is_refused_whatever_form_is_chosen(device, form):
    A = chosen(form, sparse("clustered", device).to_sparse_csr(), 40)
    B = random_dense(420, 40, torch.float32, device)
    plan = bsk.make_plan(random_bsr(304, 432, (16, 16), dtype=torch.float32, device=device), 40)
    with pytest.raises(ValueError, match="plan is for a matrix in BSR form"):
        bsk.sparse_mm(A, B, plan=plan)
    out = torch.ones(301, 40, device=device)
    with pytest.raises(ValueError, match="out is 301 x 40; expected 300 x 40"):
        bsk.sparse_mm(A, B, out=out)
    with pytest.raises((TypeError, RuntimeError), match=r"bfloat16.*expected"):
        bsk.sparse_mm(A, B, out_dtype=torch.bfloat16)
    assert torch.equal(out, torch.ones_like(out))
    with pytest.raises(ValueError, match="out is for a product without gradients"):
        bsk.sparse_mm(A, B.clone().requires_grad_(), out=torch.ones(300, 40, device=device))
