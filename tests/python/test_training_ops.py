"""The operators that gradients are made of: the product by a transposed matrix, and the sampled product."""

import pytest
import torch

import blackwellsparsek as bsk
from blackwellsparsek._ops import ops
from support import random_bsr

M, K, TOKENS, BLOCK = 192, 256, 40, 32


@pytest.fixture
def weight() -> torch.Tensor:
    torch.manual_seed(0)
    keep = torch.rand(M // BLOCK, K // BLOCK) < 0.4
    dense = torch.randn(M, K) * keep.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
    return dense.to_sparse_bsr((BLOCK, BLOCK))


def transposed_plan(weight: torch.Tensor, n: int, dynamic: bool = False) -> int:
    crow, col, values = weight.crow_indices(), weight.col_indices(), weight.values()
    return ops.make_plan(
        crow, col, values, M, K, n, torch.float32, True, True, M, K, 1, 0, 0, "", False, dynamic, True
    )


def test_transposed_product_of_a_linear_layer(weight: torch.Tensor) -> None:
    grad_out = torch.randn(TOKENS, M)
    plan = transposed_plan(weight, TOKENS)
    grad_in = torch.full((TOKENS, K), float("nan"))
    ops.spmm(plan, weight.values(), grad_out.t(), grad_in.t(), 1.0, 0.0)
    torch.testing.assert_close(grad_in, grad_out @ weight.to_dense(), rtol=1e-4, atol=1e-4)
    assert "A^T" in ops.describe_plan(plan)[0]
    ops.free_plan(plan)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["linear", "dds"])
def test_gradient_of_the_input_at_blocks_of_64(device: str, name: str, dtype: torch.dtype) -> None:
    """On Hopper by spmm_sm90_pairs, which reads the stored blocks transposed."""
    rows, cols, tokens = 1024, 2048, 2048
    W = random_bsr(rows, cols, (64, 64), 0.5, dtype, device)
    X = torch.randn(tokens, cols, dtype=dtype, device=device, requires_grad=True)
    grad_out = torch.randn(tokens, rows, dtype=dtype, device=device)
    A = bsk.BSRMatrix.from_torch(W)
    Y = bsk.linear(X, A) if name == "linear" else torch.ops.bsk.dds(X, *A.arrays, False, True)
    (grad_in,) = torch.autograd.grad(Y, X, grad_out)
    expected = grad_out.float() @ W.to_dense().float()
    assert (grad_in.float() - expected).norm() <= 1e-2 * expected.norm()
    if device == "cuda" and torch.cuda.get_device_capability() == (9, 0):
        plan = ops.make_plan(
            *A.arrays[:3], rows, cols, tokens, dtype, True, True, rows, cols, 1, 0, 0, "", False, False, True
        )
        assert ops.describe_plan(plan)[1] == "spmm_sm90_pairs"
        ops.free_plan(plan)


def test_a_transposed_plan_is_not_dynamic(weight: torch.Tensor) -> None:
    with pytest.raises(RuntimeError, match="cannot be dynamic"):
        transposed_plan(weight, TOKENS, dynamic=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("out_dtype", ["same", torch.float32])
def test_sampled_product_is_the_gradient_of_the_values(
    weight: torch.Tensor, dtype: torch.dtype, out_dtype: torch.dtype | str
) -> None:
    out_dtype = dtype if out_dtype == "same" else out_dtype
    x, grad_out = torch.randn(TOKENS, K).to(dtype), torch.randn(TOKENS, M).to(dtype)
    values = weight.values().to(dtype)
    plan = ops.make_sddmm_plan(
        weight.crow_indices(), weight.col_indices(), values, M, K, TOKENS, out_dtype, True, False, 0, 0, ""
    )
    grad = torch.ones(values.shape, dtype=out_dtype)
    ops.sddmm(plan, grad_out.t(), x, grad, 2.0, 1.0)

    dense = grad_out.float().t() @ x.float()
    dense = dense.reshape(M // BLOCK, BLOCK, K // BLOCK, BLOCK).transpose(1, 2)
    rows = torch.repeat_interleave(torch.arange(M // BLOCK), weight.crow_indices().diff())
    expected = 1 + 2 * dense[rows, weight.col_indices()]
    torch.testing.assert_close(grad.float(), expected, rtol=1e-2, atol=5e-2)
    with pytest.raises(RuntimeError, match="made for another operator"):
        ops.spmm(plan, values, x, x, 1.0, 0.0)
    ops.free_plan(plan)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rows, cols", [(0, 64), (1, 8), (777, 24), (2050, 4104), (513, 9000), (70000, 64)])
@pytest.mark.parametrize("margin", [0, 8])
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_column_sums(rows: int, cols: int, margin: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    wide = torch.randn(rows, cols + 2 * margin, device="cuda").to(dtype)
    matrix = wide[:, margin : cols + margin]
    sums = ops.column_sums(matrix)
    assert sums.dtype is dtype
    # Rounded once: a sum of `rows` terms in fp32 is far more exact than 16 bits.
    torch.testing.assert_close(sums, matrix.double().sum(0).to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-3)
    assert torch.equal(ops.column_sums(matrix), sums), "not the same from run to run"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    "matrix, message",
    [
        (lambda x: x[:, 1:], "no row-major matrix"),
        (lambda x: x[:, :20], "no row-major matrix"),
        (lambda x: x.t(), "no row-major matrix"),
        (lambda x: x[0], "no row-major matrix"),
        (lambda x: x.float(), "matrix is of type float32; expected float16 or bfloat16"),
    ],
)
def test_column_sums_of_what_the_kernel_cannot_read(matrix, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        ops.column_sums(matrix(torch.ones(16, 64, dtype=torch.float16, device="cuda")))
