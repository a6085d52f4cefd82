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
