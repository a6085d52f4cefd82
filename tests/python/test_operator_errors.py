"""What operators and products refuse, by the caller's name of the argument."""

import pytest
import torch
from torch.autograd import forward_ad

import blackwellsparsek as bsk
from blackwellsparsek import operators
from support import random_bsr, random_dense


def matrix(m: int, k: int, block: tuple[int, int]) -> bsk.BSRMatrix:
    return bsk.BSRMatrix.from_torch(random_bsr(m, k, block, 0.5, torch.float32))


@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda a, b: (a, b[:-1]), ValueError, r"dense has 95 rows; expected 96"),
        (lambda a, b: (a, b[0]), ValueError, r"dense has 1 dimensions"),
        (lambda a, b: (a, b.half()), TypeError, r"dense is torch.float16 and values torch.float32"),
        (lambda a, b: (a, b.to("meta")), ValueError, r"dense is on meta"),
        (lambda a, b: ((a[0].float(), *a[1:]), b), TypeError, r"crow_indices is torch.float32"),
        (lambda a, b: ((a[0], a[1].short(), *a[2:]), b), TypeError, r"col_indices is torch.int16"),
        (lambda a, b: ((*a[:2], a[2][0], a[3]), b), ValueError, r"values has 2 dimensions"),
        (lambda a, b: ((a[0][:-1], *a[1:]), b), RuntimeError, r"crow_indices"),
        (lambda a, b: ((a[0], a[1] + 7, *a[2:]), b), RuntimeError, r"col_indices"),
        (lambda a, b: ((a[0], a[1].flip(0), *a[2:]), b), RuntimeError, r"col_indices"),
    ],
)
def test_wrong_operands_are_refused(change, error, message):
    A = matrix(64, 96, (16, 32))
    arrays, B = change(A.arrays, random_dense(96, 24, torch.float32))
    with pytest.raises(error, match=message):
        operators.dsd(*arrays, B, False, False)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "x, bias, activation, error, message",
    [
        ([1.0], None, "none", TypeError, "x is a list; expected a dense torch.Tensor"),
        (torch.ones(2, 64).to_sparse_csr(), None, "none", TypeError, "x is a torch.sparse_csr; expected"),
        (torch.tensor(1.0), None, "none", ValueError, "x has no dimensions; expected"),
        (torch.ones(2, 64, device="meta"), None, "none", ValueError, "x is on meta and values on cpu"),
        (torch.ones(2, 64), [1.0], "none", TypeError, "bias is a list"),
        (torch.ones(2, 64), torch.ones(1), "none", ValueError, r"bias is \(1,\); expected \(64,\)"),
        (torch.ones(2, 64), torch.ones(64).double(), "none", TypeError, "bias is torch.float64"),
        (torch.ones(2, 64), None, "tanh", ValueError, "activation is 'tanh'; expected one of none"),
        (torch.ones(2, 48), None, "none", ValueError, "x has 48 columns; expected 64"),
    ],
)
def test_linear_refuses(transposed, x, bias, activation, error, message):
    W = matrix(64, 64, (16, 16))
    with pytest.raises(error, match=message):
        bsk.linear(x, W.T if transposed else W, bias, activation)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    "left, right, error, message",
    [
        ([1.0], torch.ones(8, 64), TypeError, "left is a list"),
        (torch.ones(64, 8), torch.ones(8, 64).half(), TypeError, "right is torch.float16"),
        (torch.ones(64, 8), torch.ones(8, 64, device="meta"), ValueError, "right is on meta"),
        (torch.ones(64, 8), torch.ones(9, 64), ValueError, "right has 9 rows; expected 8"),
        (torch.ones(64, 8), torch.ones(8, 48), ValueError, "right has 48 columns; expected 64"),
        (torch.ones(48, 8), torch.ones(8, 64), ValueError, "left has 48 rows; expected 64"),
    ],
)
def test_sampled_matmul_refuses(transposed, left, right, error, message):
    pattern = matrix(64, 64, (16, 16))
    with pytest.raises(error, match=message):
        bsk.sampled_matmul(left, right, pattern.T if transposed else pattern)


@pytest.mark.parametrize("sparse_left", [False, True])
@pytest.mark.parametrize(
    "change, error, message",
    [
        (lambda B: B.to(torch.float16), TypeError, "B is torch.float16 and A is torch.float32"),
        (lambda B: B.to("meta"), ValueError, "B is on meta and A on cpu"),
        (lambda B: bsk.BSRMatrix(*B.arrays[:3], (63, 64)), ValueError, "B is 63 x 64; expected 64 rows"),
    ],
)
def test_sparse_mm_refuses_a_sparse_right_operand(sparse_left, change, error, message):
    A = matrix(64, 64, (16, 16))
    with pytest.raises(error, match=message):
        bsk.sparse_mm(A if sparse_left else A.to_dense(), change(A))


def test_vectors_are_refused_beside_a_sparse_matrix():
    A = matrix(64, 64, (16, 16))
    for operands in ((torch.ones(64), A), (A, torch.tensor(1.0))):
        with pytest.raises(TypeError, match="-dimensional"):
            bsk.sparse_mm(*operands)


@pytest.mark.parametrize("product", [bsk.linear, lambda x, W: bsk.sparse_mm(W, x.t())])
def test_forward_mode_is_refused_instead_of_giving_zeros(product):
    W = matrix(64, 64, (16, 16))
    x = torch.ones(2, 64)
    with pytest.raises(NotImplementedError, match="has no forward-mode derivative"):
        torch.func.jvp(lambda x: product(x, W), (x,), (x,))
    with forward_ad.dual_level():
        assert torch.equal(product(x, W), product(x.clone().requires_grad_(), W))
        with pytest.raises(NotImplementedError, match="has no forward-mode derivative"):
            product(forward_ad.make_dual(x, x), W)


@pytest.mark.parametrize(
    "bias, activation, error, message",
    [
        (torch.ones(63), "none", ValueError, r"bias is \(63,\); expected \(64,\)"),
        (torch.ones(64, 1), "none", ValueError, r"bias is \(64, 1\)"),
        (torch.ones(64).half(), "none", TypeError, r"bias is torch\.float16 and values torch\.float32"),
        (torch.ones(64, device="meta"), "none", ValueError, "bias is on meta and values on cpu"),
        (None, "tanh", ValueError, "activation is 'tanh'; expected one of none"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_first_call_and_later(bias, activation, error, message):
    A = matrix(64, 96, (16, 32))
    x = random_dense(8, 96, torch.float32)
    for _ in range(2):
        with pytest.raises(error, match=message):
            bsk.linear(x, A, bias, activation)
        bsk.linear(x, A, torch.ones(64), "relu")
