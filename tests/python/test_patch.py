"""patch_torch: existing code meets these kernels, and torch is as before afterwards."""

import pytest
import torch
from torch.nn import functional

import blackwellsparsek as bsk
from blackwellsparsek import patch
from support import random_bsr, random_dense


@pytest.fixture
def products(monkeypatch) -> list[str]:
    """Names of what was called here instead of torch."""
    called = []
    for name in ("sparse_mm", "linear"):
        original = getattr(patch, name)

        def spy(*args, name=name, original=original, **kwargs):
            called.append(name)
            return original(*args, **kwargs)

        monkeypatch.setattr(patch, name, spy)
    return called


def test_names_of_torch_are_led_here(device, products):
    A = random_bsr(64, 96, dtype=torch.float32, device=device)
    B = random_dense(96, 24, torch.float32, device)
    dense = A.to_dense()
    with bsk.patched_torch():
        for product in (
            A @ B,
            torch.matmul(A, B),
            torch.mm(A, B),
            torch.sparse.mm(A, B),
            A.matmul(B),
            A.mm(B),
        ):
            torch.testing.assert_close(product, dense @ B, rtol=1e-4, atol=1e-4)
        y = functional.linear(B.t(), A, torch.ones(64, device=device))
        torch.testing.assert_close(y, B.t() @ dense.t() + 1, rtol=1e-4, atol=1e-4)
        assert products == ["sparse_mm"] * 6 + ["linear"]
        X = B.t() @ A.to_dense().t()
        torch.testing.assert_close(torch.mm(X, dense), X @ dense)
    assert products == ["sparse_mm"] * 6 + ["linear"], "dense products are torch's"


def test_operands_may_be_given_by_keyword(device, products):
    A = random_bsr(64, 96, dtype=torch.float32, device=device)
    B = random_dense(96, 24, torch.float32, device)
    out = torch.empty(64, 24, device=device)
    with bsk.patched_torch():
        for product in (
            torch.matmul(A, other=B),
            torch.matmul(other=B, input=A),
            torch.mm(input=A, mat2=B, out=out),
            torch.sparse.mm(sparse=A, dense=B),
            A.matmul(other=B),
            A.mm(mat2=B),
        ):
            torch.testing.assert_close(product, A.to_dense() @ B, rtol=1e-4, atol=1e-4)
        y = functional.linear(input=B.t(), weight=A, bias=torch.ones(64, device=device))
        torch.testing.assert_close(y, B.t() @ A.to_dense().t() + 1, rtol=1e-4, atol=1e-4)
        assert products == ["sparse_mm"] * 6 + ["linear"]
        torch.testing.assert_close(torch.mm(input=A.to_dense(), mat2=B), A.to_dense() @ B)
        with pytest.raises(TypeError):
            torch.mm(mat2=B)
    assert len(products) == 7, "dense products are torch's"


def test_transposes_have_blocks_too(device, products):
    A = random_bsr(64, 96, dtype=torch.float32, device=device).requires_grad_()
    dense, x = A.detach().to_dense(), random_dense(24, 64, torch.float32, device)
    with bsk.patched_torch():
        y = functional.linear(x, A.t())
        for product in (y, x @ A, (A.t() @ x.t()).t(), x @ A.t().t()):
            torch.testing.assert_close(product, x @ dense, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(A @ A.t(), dense @ dense.t(), rtol=1e-4, atol=1e-4)
    assert products == ["linear"] + ["sparse_mm"] * 4
    (gradient,) = torch.autograd.grad(y.sum(), A)
    expected = x.sum(0)[:, None] * (dense != 0)
    torch.testing.assert_close(gradient.to_dense(), expected, rtol=1e-4, atol=1e-4)


def test_what_was_left_to_torch_still_works(products):
    A = random_bsr(64, 96, dtype=torch.float32)
    v = random_dense(1, 96, torch.float32)[0]
    with bsk.patched_torch():
        torch.testing.assert_close(A @ v, A.to_dense() @ v)
        torch.testing.assert_close(A.to_dense().to_sparse_csr() @ v, A.to_dense() @ v)
        with pytest.raises(TypeError):
            A @ [1.0]
    assert not products


def test_gradients_pass_through_existing_code(device):
    A = random_bsr(64, 96, dtype=torch.float16, device=device).requires_grad_()
    x = random_dense(24, 96, torch.float16, device).requires_grad_()
    with bsk.patched_torch():
        gradient, of_x = torch.autograd.grad(functional.linear(x, A).sum(), (A, x))
    expected = torch.ones(24, 64, device=device) @ A.detach().to_dense().float()
    torch.testing.assert_close(of_x.float(), expected, rtol=1e-2, atol=1e-1)
    assert gradient.layout is torch.sparse_bsr


def test_torch_is_as_before_afterwards():
    before = [getattr(owner, name) for owner, name, _ in patch._PATCHED]
    own = ["__matmul__" in vars(torch.Tensor), "mm" in vars(torch.Tensor)]
    bsk.patch_torch()
    bsk.patch_torch()  # once is enough
    assert torch.mm is not before[1]
    with bsk.patched_torch():
        pass
    assert torch.mm is not before[1], "the inner statement has not undone the outer patch"
    bsk.unpatch_torch()
    assert [getattr(owner, name) for owner, name, _ in patch._PATCHED] == before
    assert ["__matmul__" in vars(torch.Tensor), "mm" in vars(torch.Tensor)] == own
    with pytest.raises(RuntimeError), bsk.patched_torch():
        raise RuntimeError
    assert torch.mm is before[1]
