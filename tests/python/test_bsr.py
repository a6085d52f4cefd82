"""BSRMatrix: conversions, transposes as views, ragged edges, products by operators."""

import pytest
import torch

import blackwellsparsek as bsk
from support import random_bsr, random_dense


def ragged(device: str = "cpu", dtype: torch.dtype = torch.float32) -> tuple[bsk.BSRMatrix, torch.Tensor]:
    """A 50 x 70 matrix in blocks of 16 x 32, and the same dense."""
    keep = torch.rand(4, 3, generator=torch.Generator().manual_seed(0)) < 0.6
    dense = random_dense(50, 70, dtype, device) * keep.repeat_interleave(16, 0).repeat_interleave(32, 1)[
        :50, :70
    ].to(device)
    return bsk.BSRMatrix.from_dense(dense, (16, 32)), dense


def test_dense_and_back(device):
    A, dense = ragged(device)
    assert A.shape == (50, 70) and A.block == (16, 32) and 0 < A.density < 1
    assert torch.equal(A.to_dense(), dense)
    assert torch.equal(A.T.to_dense(), dense.t())
    assert A.T.T.shape == A.shape and A.T.values is A.values
    again = A.T.contiguous()
    assert not again.transposed and again.block == (32, 16) and torch.equal(again.to_dense(), dense.t())
    assert "50 x 70" in repr(A) and "70 x 50" in repr(A.T)


def test_gradients_reach_dense_and_values(device):
    A, dense = ragged(device)
    dense.requires_grad_()
    taken = bsk.BSRMatrix.from_dense(dense, (16, 32), A.mask())
    (taken.to_dense() * 3).sum().backward()
    stored = A.with_values(torch.ones_like(A.values)).to_dense()
    assert torch.equal(dense.grad, 3 * stored)


def test_torch_tensors_share_memory(device):
    tensor = random_bsr(64, 96, (16, 32), device=device)
    A = bsk.BSRMatrix.from_torch(tensor)
    assert A.values.data_ptr() == tensor.values().data_ptr()
    back = A.to_torch()
    assert back.layout is torch.sparse_bsr and back.values().data_ptr() == A.values.data_ptr()
    assert torch.equal(A.T.to_torch().to_dense(), tensor.to_dense().t())
    with pytest.raises(ValueError, match=r"50 x 70; torch\.sparse_bsr needs multiples"):
        ragged(device)[0].to_torch()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_products(device, dtype):
    A, dense = ragged(device, dtype)
    B, X = random_dense(70, 24, dtype, device), random_dense(24, 50, dtype, device)
    tolerance = {"rtol": 2e-2, "atol": 0.2} if dtype is not torch.float32 else {"rtol": 1e-4, "atol": 1e-4}

    def same(got: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        torch.testing.assert_close(got.float(), left.float() @ right.float(), **tolerance)

    same(A @ B, dense, B)
    same(X @ A, X, dense)
    same(A.T @ X.t(), dense.t(), X.t())
    same(B.t() @ A.T, B.t(), dense.t())
    same(A @ A.T, dense, dense.t())
    same(bsk.linear(B.t(), A), B.t(), dense.t())
    same(bsk.linear(X, A.T), X, dense)
    S = bsk.sampled_matmul(X.t(), B.t(), A)
    stored = A.with_values(torch.ones_like(A.values)).to_dense().float()
    torch.testing.assert_close(S.to_dense().float(), (X.t().float() @ B.t().float()) * stored, **tolerance)
    transposed = bsk.sampled_matmul(B, X, A.T)
    torch.testing.assert_close(
        transposed.to_dense().float(), (B.float() @ X.float()) * stored.t(), **tolerance
    )


def test_scipy_and_files(tmp_path):
    pytest.importorskip("scipy")
    pytest.importorskip("safetensors")
    A = bsk.BSRMatrix.from_torch(random_bsr(64, 96, (16, 32), dtype=torch.float32))
    assert torch.equal(bsk.BSRMatrix.from_scipy(A.to_scipy(), dtype=torch.float32).to_dense(), A.to_dense())
    assert (A.T.to_scipy().toarray() == A.to_dense().t().numpy()).all()
    bsk.save(tmp_path / "a.safetensors", A.T)
    assert torch.equal(bsk.load(tmp_path / "a.safetensors").to_dense(), A.to_dense().t())


def test_other_devices_and_dtypes(device):
    A, dense = ragged()
    moved = A.to(device, torch.float16)
    assert moved.device.type == device and moved.dtype is torch.float16
    assert moved.crow_indices.device.type == device and moved.crow_indices.dtype is torch.int32
    assert torch.equal(moved.to_dense().cpu(), dense.half())


class CudaArray:
    """What CuPy or Numba would pass: an object that speaks `__cuda_array_interface__` only."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        self.__cuda_array_interface__ = tensor.__cuda_array_interface__


class DlpackArray:
    """What JAX or CuPy would pass: an object that speaks DLPack only."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.__dlpack__ = tensor.__dlpack__
        self.__dlpack_device__ = tensor.__dlpack_device__


@pytest.mark.parametrize("interface", ["arrays", "dlpack"])
def test_arrays_of_other_libraries_share_memory(device, interface):
    A, dense = ragged(device)
    parts = (A.crow_indices, A.col_indices, A.values)
    if interface == "dlpack":
        arrays = [DlpackArray(tensor) for tensor in parts]
    else:
        arrays = [tensor.numpy() if device == "cpu" else CudaArray(tensor) for tensor in parts]
    again = bsk.BSRMatrix.from_arrays(*arrays, (50, 70))
    assert again.values.data_ptr() == A.values.data_ptr() and again.values.device == A.values.device
    assert torch.equal(again.to_dense(), dense)
    for tensor in parts:
        assert torch.from_dlpack(tensor).data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda dense: bsk.BSRMatrix.from_dense(dense[0], (16, 16)), "dense has 1 dimensions"),
        (
            lambda dense: bsk.BSRMatrix.from_dense(dense, (16, 16), torch.ones(4, 4) > 0),
            r"mask is \(4, 4\); expected \(4, 5\)",
        ),
        (lambda dense: ragged()[0].to_torch(), "The matrix is 50 x 70; torch.sparse_bsr needs multiples"),
        (lambda dense: ragged()[0].to_scipy(), "The matrix is 50 x 70; SciPy's BSR form needs multiples"),
        (lambda dense: bsk.BSRMatrix.from_dense(dense, 0), "block is 0; expected a positive size"),
        (lambda dense: bsk.BSRMatrix.from_dense(dense, (16, -1)), r"block is \(16, -1\)"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make(ragged()[1])


@pytest.mark.parametrize("mask", [torch.ones(4, 5), torch.ones(4, 5, dtype=torch.int32)])
def test_masks_are_bool(mask):
    with pytest.raises(TypeError, match=r"expected torch\.bool"):
        bsk.BSRMatrix.from_dense(ragged()[1], 16, mask)


@pytest.mark.parametrize("shape", [(0, 32), (32, 0), (0, 0)])
def test_empty_sizes(device, shape):
    dense = torch.zeros(shape, device=device)
    A = bsk.BSRMatrix.from_dense(dense, (16, 16))
    assert A.to_dense().shape == shape and A.T.contiguous().to_dense().shape == shape[::-1]
    assert (A @ torch.ones(shape[1], 8, device=device)).shape == (shape[0], 8)
    assert not (torch.ones(8, shape[0], device=device) @ A).any()
    A.values.requires_grad_()
    x = torch.ones(3, 8, shape[1], device=device)
    assert bsk.linear(x, A).shape == (3, 8, shape[0]) and not bsk.linear(x, A).any()
    for B in (x.transpose(1, 2), x.transpose(1, 2).contiguous()):
        assert bsk.sparse_mm(A, B).shape == (3, shape[0], 8) and not bsk.sparse_mm(A, B).any()
