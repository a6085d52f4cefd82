"""Each wrong input gives its own error, in words, and touches no output."""

import pytest
import torch

import blackwellsparsek as bsk
from support import random_bsr, random_dense


def bsr(crow, col, values, size=(32, 48)):
    return torch.sparse_bsr_tensor(
        torch.tensor(crow), torch.tensor(col), values, size=size, check_invariants=False
    )


def assert_refused(error, message, A, B, **arguments):
    """`sparse_mm` raises `error` and leaves a poisoned `out` as it was."""
    out = arguments.pop("out", None)
    if out is None:
        out = torch.full((32, 8), 7.0, dtype=torch.float16)
    before = out.clone()
    with pytest.raises(error, match=message):
        bsk.sparse_mm(A, B, out=out, **arguments)
    assert torch.equal(out, before)


@pytest.fixture
def A():
    return random_bsr(32, 48)


@pytest.fixture
def B():
    return random_dense(48, 8)


def test_b_of_another_shape(A):
    assert_refused(ValueError, r"B is 47 x 8; expected 48 rows", A, random_dense(47, 8))


def test_out_of_another_shape(A, B):
    assert_refused(ValueError, r"out is 32 x 9; expected 32 x 8", A, B, out=torch.zeros(32, 9).half())


def test_b_of_another_dtype(A, B):
    assert_refused(TypeError, r"B is torch.bfloat16 and A is torch.float16", A, B.bfloat16())


def test_out_of_another_dtype(A, B):
    assert_refused(RuntimeError, r"c_dtype is bfloat16", A, B, out=torch.zeros(32, 8).bfloat16())
    assert_refused(TypeError, r"out is torch.float16 and out_dtype", A, B, out_dtype=torch.float32)


@pytest.mark.parametrize("dtype", [torch.float64, torch.int8])
def test_dtypes_without_a_kernel(A, B, dtype):
    out = torch.ones(32, 8, dtype=dtype)
    assert_refused(RuntimeError, r"expected float16, bfloat16 or float32", A.to(dtype), B.to(dtype), out=out)


def test_what_is_no_bsr_matrix(A, B):
    assert_refused(TypeError, r"A is a list", [[1.0]], B)
    assert_refused(TypeError, r"layout torch.strided.*to_sparse_bsr", A.to_dense(), B)
    batch = torch.stack([A.to_dense()] * 2).to_sparse_bsr((16, 16))
    assert_refused(TypeError, r"A is a 3-dimensional", batch, B)


def test_what_is_no_dense_matrix(A, B):
    assert_refused(TypeError, r"bias is a list", A, B, bias=[1.0])
    assert_refused(TypeError, r"B is a ndarray", A, B.numpy())
    assert_refused(TypeError, r"B is a 1-dimensional", A, B[:, 0])
    assert_refused(TypeError, r"B is a 2-dimensional tensor of layout torch.sparse_csr", A, B.to_sparse_csr())


@pytest.mark.gpu
def test_cpu_and_cuda_mixed(A, B):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert_refused(ValueError, r"B is on cpu and A on cuda:0", A.cuda(), B)
    assert_refused(ValueError, r"B is on cuda:0 and A on cpu", A, B.cuda())
    assert_refused(ValueError, r"out is on cpu and A on cuda:0", A.cuda(), B.cuda())


def test_another_kind_of_device(A, B):
    assert_refused(ValueError, r"B is on meta and A on cpu", A, B.to("meta"))


@pytest.mark.parametrize(
    "crow, col, message",
    [
        pytest.param([1, 2, 3], [0, 1, 2], r"crow_indices.*0", id="does not start at 0"),
        pytest.param([0, -1, 3], [0, 1, 2], r"crow_indices", id="negative"),
        pytest.param([0, 4, 3], [0, 1, 2], r"crow_indices", id="beyond nnzb, then decreasing"),
        pytest.param([0, 1, 2], [0, 1, 2], r"crow_indices", id="ends before nnzb"),
        pytest.param([0, 1, 4], [0, 1, 2], r"crow_indices", id="ends after nnzb"),
        pytest.param([0, 1, 2, 3], [0, 1, 2], r"crow_indices", id="one row too many"),
        pytest.param([0, 1, 3], [0, 1, 3], r"col_indices", id="column out of range"),
        pytest.param([0, 1, 3], [-1, 1, 2], r"col_indices", id="negative column"),
        pytest.param([0, 1, 3], [0, 2, 1], r"col_indices.*sorted", id="unsorted columns"),
        pytest.param([0, 1, 3], [0, 1, 1], r"col_indices", id="duplicate columns"),
        pytest.param([0, 1, 3], [0, 1], r"col_indices", id="fewer columns than blocks"),
    ],
)
def test_malformed_patterns(B, crow, col, message):
    values = torch.ones(3, 16, 16, dtype=torch.float16)
    assert_refused(RuntimeError, message, bsr(crow, col, values), B)


def test_values_of_the_wrong_shape(B):
    assert_refused(RuntimeError, "values", bsr([0, 1, 3], [0, 1, 2], torch.ones(3, 256).half()), B)
    other_blocks = bsr([0, 1, 3], [0, 1, 2], torch.ones(3, 8, 16).half())
    assert_refused(ValueError, "the arrays form no BSR matrix: .*crow_indices", other_blocks, B)


@pytest.mark.parametrize("block", [(8, 8), (48, 48), (512, 512)])
def test_blocks_without_a_kernel(block):
    """sparse_mm of a tensor with other blocks puts its elements into new ones."""
    A = bsk.BSRMatrix.from_torch(torch.ones(block).half().to_sparse_bsr(block))
    B = random_dense(block[1], 8)
    assert_refused(RuntimeError, r"16, 32, 64, 128", A, B, out=torch.zeros(block[0], 8, dtype=torch.float16))
    with pytest.raises(RuntimeError, match=r"16, 32, 64, 128"):
        bsk.make_plan(A.to_torch(), 8)


def test_out_with_other_strides(A, B):
    assert_refused(ValueError, r"out has strides \(32, 2\)", A, B, out=torch.zeros(32, 32).half()[:, :16:2])


def test_out_that_overlaps_an_operand(A):
    B = random_dense(48, 8)
    assert_refused(RuntimeError, "overlaps B", A, B, out=B[:32])
    values = A.values().view(-1)[:256].view(32, 8)
    assert_refused(RuntimeError, "overlaps the values of A", A, B, out=values)


@pytest.mark.gpu
def test_misaligned_out(A, B):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    A, B = random_bsr(64, 64, (64, 64), density=1.0, device="cuda"), random_dense(64, 64, device="cuda")
    out = torch.zeros(64 * 64 + 1, dtype=torch.float16, device="cuda")[1:].view(64, 64)
    plan = bsk.make_plan(A, 64)
    if plan.kernel != "spmm_sm90":
        pytest.skip(f"{plan.kernel} writes to any address")
    assert_refused(RuntimeError, "multiple of 16 bytes", A, B, out=out, plan=plan)


def test_beta_without_out(A, B):
    with pytest.raises(ValueError, match=r"beta is 0\.5 and there is no out"):
        bsk.sparse_mm(A, B, beta=0.5)


def test_a_result_beyond_int32():
    A = random_bsr(65536, 16)
    B = torch.empty(16, 1, dtype=torch.float16).expand(16, 65536)
    with pytest.raises(RuntimeError, match="int32"):
        bsk.make_plan(A, B.shape[1])


@pytest.mark.parametrize("plan", ["spmm_sm80", 3, object()])
def test_what_is_no_plan(A, B, plan):
    assert_refused(TypeError, r"plan is a \w+; expected a Plan from make_plan", A, B, plan=plan)
