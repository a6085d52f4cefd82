"""CuPy's arrays and sparse matrices, in and out, on one stream and across streams."""

from types import SimpleNamespace

import pytest
import torch

import blackwellsparsek as bsk
from support import assert_product, random_bsr, random_dense

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


def arrays_of(A: torch.Tensor) -> list["cupy.ndarray"]:
    """Copies of the indices and values of a torch.sparse_bsr matrix."""
    return [cupy.array(part.cpu().numpy()) for part in (A.crow_indices(), A.col_indices(), A.values())]


def interface_of(array: "cupy.ndarray") -> SimpleNamespace:
    """What speaks `__cuda_array_interface__` and no DLPack."""
    return SimpleNamespace(__cuda_array_interface__=array.__cuda_array_interface__, keeps=array)


@pytest.mark.parametrize("offer", [lambda array: array, interface_of], ids=["dlpack", "interface"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_arrays_become_a_matrix_without_a_copy(offer, dtype):
    A = random_bsr(256, 192, (32, 32), dtype=dtype)
    arrays = arrays_of(A)
    matrix = bsk.BSRMatrix.from_arrays(*map(offer, arrays), A.shape)
    tensors = (matrix.crow_indices, matrix.col_indices, matrix.values)
    assert [tensor.data_ptr() for tensor in tensors] == [array.data.ptr for array in arrays]
    assert matrix.dtype is dtype and matrix.device.type == "cuda"
    B = random_dense(192, 40, dtype, "cuda")
    assert_product(bsk.sparse_mm(matrix, B), A, B)
    arrays[2][...] *= 2  # the memory is one
    cupy.cuda.get_current_stream().synchronize()
    assert_product(bsk.sparse_mm(matrix, B), A, B, alpha=2.0)


def test_a_result_becomes_an_array_without_a_copy():
    A, B = random_bsr(256, 192, (64, 64), device="cuda"), random_dense(192, 40, device="cuda")
    C = bsk.sparse_mm(A, B)
    for array in (cupy.from_dlpack(C), cupy.asarray(C)):
        assert array.data.ptr == C.data_ptr()
        assert (array.get() == C.cpu().numpy()).all()


@pytest.mark.parametrize("offer", [lambda array: array, interface_of], ids=["dlpack", "interface"])
def test_arrays_that_another_stream_fills(offer):
    """The product is on torch's current stream, and must wait for CuPy's."""
    A, B = random_bsr(256, 192, (64, 64)), random_dense(192, 40, device="cuda")
    crow, col, values = arrays_of(A)
    late = cupy.full_like(values, cupy.nan)
    bsk.sparse_mm(bsk.BSRMatrix.from_arrays(crow, col, values, A.shape), B)
    torch.cuda.synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        with torch.cuda.stream(torch.cuda.ExternalStream(stream.ptr)):
            torch.cuda._sleep(50_000_000)
        late[...] = values
        matrix = bsk.BSRMatrix.from_arrays(offer(crow), offer(col), offer(late), A.shape)
        assert not stream.done, "from_arrays waited for the stream"
    assert_product(bsk.sparse_mm(matrix, B), A, B)


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_matrices_are_multiplied_where_they_lie(form):
    sparse = pytest.importorskip("cupyx.scipy.sparse")
    dense = random_bsr(256, 192, (16, 16), dtype=torch.float32, device="cuda").to_dense()
    matrix = getattr(sparse, f"{form}_matrix")(cupy.from_dlpack(dense))
    B = random_dense(192, 40, torch.float32, "cuda")
    for A in (matrix, matrix.astype("float64")):
        C = bsk.sparse_mm(A, B)
        assert C.is_cuda
        torch.testing.assert_close(C, dense @ B, rtol=1e-4, atol=1e-4)
    assert "in no blocks" in bsk.explain(matrix, 40)


@pytest.mark.parametrize("transposed", [False, True])
def test_blocks_from_sparse_matrices_and_back(transposed):
    sparse = pytest.importorskip("cupyx.scipy.sparse")
    dense = torch.zeros(100, 70, device="cuda")  # no multiple of the block
    dense[:32, 64:] = torch.randn(32, 6, device="cuda")
    dense[96:, :16] = 1.5
    matrix = bsk.BSRMatrix.from_cupy(sparse.csr_matrix(cupy.from_dlpack(dense)), 32, torch.float32)
    assert matrix.values.shape == (2, 32, 32)
    assert torch.equal(matrix.to_dense(), dense)
    back = (matrix.T if transposed else matrix).to_cupy()
    assert torch.equal(torch.from_dlpack(back.toarray()), dense.t() if transposed else dense)


def test_duplicates_are_summed():
    sparse = pytest.importorskip("cupyx.scipy.sparse")
    entries = cupy.array([1.0, 2.0, 4.0]), (cupy.array([0, 0, 0]), cupy.array([20, 3, 20]))
    dense = bsk.BSRMatrix.from_cupy(sparse.coo_matrix(entries, shape=(16, 32)), 16).to_dense()
    assert dense[0, 20] == 5 and dense[0, 3] == 2 and dense.count_nonzero() == 2


def test_what_is_no_cupy_matrix_is_refused():
    with pytest.raises(TypeError, match=r"matrix is a Tensor; expected a matrix of cupyx"):
        bsk.BSRMatrix.from_cupy(torch.eye(32), 16)
