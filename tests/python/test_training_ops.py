"""The operators that gradients are made of: the product by a transposed matrix, and the sampled product."""

import pytest
import torch

from blackwellsparsek._ops import ops

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
