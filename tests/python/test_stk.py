"""stk's names: constructors, attributes, transposes as views, gradients."""

import pytest
import torch

from blackwellsparsek import BSRMatrix, stk
from support import random_bsr, random_dense


@pytest.fixture
def matrix(device) -> stk.Matrix:
    A = BSRMatrix.from_torch(random_bsr(64, 96, (16, 16), dtype=torch.float32, device=device))
    rows, columns = A.block_rows().short(), A.col_indices.short()  # as stk has them
    return stk.Matrix((64, 96), A.values, rows, columns, A.crow_indices.int(), None, None, None)


def test_attributes(matrix):
    assert matrix.size() == matrix.shape == torch.Size((64, 96)) and matrix.t().size() == torch.Size((96, 64))
    assert matrix.t().is_transposed() and matrix.t().data is matrix.data
    assert matrix.blocking == 16 and matrix.nnz == matrix.data.numel()
    assert matrix.column_indices.dtype is torch.int32 and matrix.offsets.shape == (5,)
    assert matrix.row_indices.shape == matrix.column_indices.shape and matrix.column_indices_t is None
    assert matrix.dtype is torch.float32 and matrix.device == matrix.data.device
    again = stk.Matrix(matrix.size(), matrix.data, None, matrix.column_indices, matrix.offsets)
    assert again.column_indices is matrix.column_indices, "a copy would not find its plan"


@pytest.mark.parametrize("transposed", [False, True])
def test_products(matrix, device, transposed):
    A = matrix.t() if transposed else matrix
    dense = stk.ops.to_dense(A)
    m, k = A.size()
    B, D = random_dense(k, 24, torch.float32, device), random_dense(24, m, torch.float32, device)
    near = {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(stk.ops.dsd(A, B), dense @ B, **near)
    torch.testing.assert_close(stk.ops.dds(D, A), D @ dense, **near)
    torch.testing.assert_close(stk.ops.dss(A, A.t()), dense @ dense.t(), **near)
    left, right = random_dense(m, 8, torch.float32, device), random_dense(8, k, torch.float32, device)
    sampled = stk.ops.to_dense(stk.ops.sdd(left, right, A))
    torch.testing.assert_close(sampled, torch.where(dense != 0, left @ right, 0), **near)
    assert torch.equal(stk.ops.to_dense(stk.ops.to_sparse(dense, 16)), dense)


def test_a_layer_of_experts_like_megablocks(device):
    """Its topology, its gated activation of two sparse matrices, and the product back."""
    offsets = torch.tensor([0, 2, 4, 5], dtype=torch.int32, device=device)
    columns = torch.tensor([0, 1, 0, 1, 2], dtype=torch.int16, device=device)
    shape, data = (48, 48), torch.empty(5, 16, 16, device=device)
    rows = stk.ops.row_indices(shape, data, offsets, columns)
    assert rows.tolist() == [0, 0, 1, 1, 2] and rows.dtype is torch.int16
    topology = stk.Matrix(shape, data, rows, columns, offsets)
    x, w1, v1, w2 = (random_dense(48, 48, torch.float32, device, seed=i).requires_grad_() for i in range(4))
    gate = stk.ops.sdd(x, w1, topology)
    hidden = stk.ops.mul(
        stk.Matrix.of(gate.bsr.with_values(gate.data.sigmoid())), stk.ops.sdd(x, v1, topology)
    )
    out = stk.ops.dsd(hidden, w2)
    stored = stk.ops.to_dense(stk.ops.ones_like(topology))
    assert stored.sum() == stk.ops.sum(stk.ops.ones_like(topology)) == 5 * 256
    expected = (stored * (x @ w1).sigmoid() * (x @ v1)) @ w2
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-3)
    inputs = (x, w1, v1, w2)
    seed = random_dense(48, 48, torch.float32, device, seed=9)
    for got, wanted in zip(
        torch.autograd.grad(out, inputs, seed), torch.autograd.grad(expected, inputs, seed), strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-2)


def test_methods_of_a_tensor(matrix, device):
    dense = stk.ops.to_dense(matrix)
    flipped = stk.ops.transpose(matrix)
    assert flipped.is_transposed() and not flipped.is_contiguous() and flipped.contiguous().is_contiguous()
    assert torch.equal(stk.ops.to_dense(flipped.contiguous()), dense.t())
    half = matrix.to(torch.float16)
    assert half.dtype is torch.float16 and torch.equal(stk.ops.to_dense(half), dense.half())
    copied = matrix.clone()
    assert copied.data.data_ptr() != matrix.data.data_ptr() and torch.equal(copied.data, matrix.data)
    assert matrix.dim() == 2 and matrix.is_cuda == (device == "cuda") and matrix.grad is None
    assert copied.requires_grad_().requires_grad and not matrix.requires_grad
    stk.ops.dsd(copied, dense.t()).sum().backward()
    assert copied.grad.size() == copied.size() and torch.equal(copied.grad.data, copied.data.grad)


def test_validate_and_mul_refuse(matrix):
    matrix.validate()
    with pytest.raises(ValueError, match="data is"):
        stk.ops.mul(matrix, matrix.t())
    columns = matrix.column_indices.clone()
    columns[0] = 99
    with pytest.raises(ValueError, match="no BSR matrix"):
        stk.Matrix(matrix.size(), matrix.data, None, columns, matrix.offsets).validate()
