"""Two GPUs in one process: work on the one that is not current, and operands that lie apart."""

import copy

import pytest
import torch

import blackwellsparsek as bsk
from blackwellsparsek.nn import BlockSparseLinear
from support import ACTIVATIONS, assert_product, product_on_a_busy_stream, random_bsr, random_dense

HERE, THERE = "cuda:0", "cuda:1"  # HERE is current

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices"),
]


@pytest.fixture(autouse=True)
def the_current_device_stays():
    assert torch.cuda.current_device() == 0
    yield
    assert torch.cuda.current_device() == 0


def matrix(device: str, rows: int = 256, cols: int = 192) -> bsk.BSRMatrix:
    return bsk.BSRMatrix.from_torch(random_bsr(rows, cols, (64, 64)).to(device))


def layer(device: str) -> BlockSparseLinear:
    torch.manual_seed(0)
    return BlockSparseLinear(256, 256, block_size=64, density=0.4, dtype=torch.bfloat16).to(device)


def gradients(model: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The loss, and the gradients of x and of all parameters, on the CPU."""
    x = x.detach().requires_grad_()
    model.zero_grad()
    loss = model(x).float().square().mean()
    loss.backward()
    return [tensor.detach().cpu() for tensor in (loss, x.grad, *(p.grad for p in model.parameters()))]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("block", [(16, 16), (32, 32), (64, 64), (128, 128)])
def test_products(block, dtype, transposed):
    A = random_bsr(256, 256, block, dtype=dtype, device=THERE)
    B = random_dense(256, 136, dtype, THERE)
    bias = random_dense(1, 256, dtype, THERE)[0]
    operand = bsk.BSRMatrix.from_torch(A).T.contiguous().T if transposed else A
    C = bsk.sparse_mm(operand, B, bias=bias, activation="silu")
    assert C.device == torch.device(THERE)
    assert_product(C, A, B, bias=bias[:, None], activation="silu")


def test_plans_of_one_pattern_on_both():
    A, B = random_bsr(256, 192, (64, 64)), random_dense(192, 136)
    on = {device: (A.to(device), B.to(device)) for device in (HERE, THERE)}
    plans = {device: bsk.make_plan(on[device][0], 136, policy="auto") for device in (THERE, HERE)}
    for device, (matrix, right) in on.items():
        C = bsk.sparse_mm(matrix, right, plan=plans[device])
        assert C.device == torch.device(device)
        assert_product(C, A, B)
    with pytest.raises(RuntimeError, match="values of A are on CUDA device 1, the plan on CUDA device 0"):
        bsk.sparse_mm(*on[THERE], plan=plans[HERE])


@pytest.mark.parametrize("activation", ["none", "relu", "gelu"])
def test_linear_and_its_gradients(activation):
    W, x = matrix(THERE), random_dense(100, 192, device=THERE) / 8
    operands = [W.values.clone(), x, random_dense(1, 256, device=THERE)[0]]
    values, x, bias = (operand.requires_grad_() for operand in operands)
    y = bsk.linear(x, W.with_values(values), bias, activation)
    seed = random_dense(100, 256, device=THERE, seed=3)
    got = torch.autograd.grad(y, operands, seed)
    wide = [operand.detach().double().requires_grad_() for operand in operands]
    dense = W.with_values(wide[0]).to_dense()
    expected = ACTIVATIONS[activation](torch.nn.functional.linear(wide[1], dense, wide[2]))
    for one, other in zip(got, torch.autograd.grad(expected, wide, seed.double()), strict=True):
        assert one.device == torch.device(THERE)
        assert (one.double() - other).norm() <= 1e-2 * other.norm()


def test_a_model_over_both_learns_as_on_one():
    split = torch.nn.ModuleList([layer(HERE), layer(THERE)])
    split.forward = lambda x: split[1](split[0](x).to(THERE))
    whole = torch.nn.Sequential(*copy.deepcopy(split)).to(HERE)
    x = random_dense(96, 256, torch.bfloat16, HERE)
    for got, expected in zip(gradients(split, x), gradients(whole, x), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-4)


def test_a_layer_that_moves():
    moving, x = layer(HERE), random_dense(96, 256, torch.bfloat16, HERE)
    expected = gradients(moving, x)
    for device in (THERE, HERE):
        for got, other in zip(gradients(moving.to(device), x.to(device)), expected, strict=True):
            torch.testing.assert_close(got, other, rtol=1e-2, atol=1e-4)


def test_a_stream_of_the_other_device():
    A, B = matrix(THERE, 1024, 1024), random_dense(1024, 512, device=THERE)
    assert_product(product_on_a_busy_stream(A, B), A.to_torch(), B)


def test_a_step_in_a_cuda_graph_of_the_other_device():
    model, x = layer(THERE), random_dense(96, 256, torch.bfloat16, THERE)
    expected = gradients(model, x)
    x.requires_grad_()
    with torch.cuda.device(THERE):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = model(x).float().square().mean()
            got = [loss, *torch.autograd.grad(loss, (x, *model.parameters()))]
        graph.replay()
        torch.cuda.synchronize()
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one.detach().cpu(), other, rtol=1e-2, atol=1e-4)


def test_measuring_there(tmp_path, monkeypatch):
    monkeypatch.setenv("BSK_AUTOTUNE_CACHE", str(tmp_path / "autotune.json"))
    A, B = random_bsr(512, 512, (64, 64), device=THERE), random_dense(512, 128, device=THERE)
    assert_product(bsk.sparse_mm(A, B, plan=bsk.autotune(A, 128)), A, B)


@pytest.mark.parametrize(
    "product, argument",
    [
        (lambda A, B, x: bsk.sparse_mm(A, B.to(THERE)), "B"),
        (lambda A, B, x: bsk.sparse_mm(A, B.to(THERE).requires_grad_()), "B"),
        (lambda A, B, x: bsk.sparse_mm(A, A.T.to(THERE)), "B"),
        (lambda A, B, x: bsk.sparse_mm(x.to(THERE), A.T), "B"),  # A is x
        (lambda A, B, x: bsk.sparse_mm(A, B, out=torch.empty(256, 8).half().to(THERE)), "out"),
        (lambda A, B, x: bsk.sparse_mm(A, B, residual=torch.empty(256, 8).half().to(THERE)), "residual"),
        (lambda A, B, x: bsk.sparse_mm(A, B, bias=torch.ones(256).half().to(THERE)), "bias"),
        (lambda A, B, x: bsk.linear(x.to(THERE), A), "x"),
        (lambda A, B, x: bsk.linear(B.t().to(THERE), A.T.contiguous().T), "x"),
        (lambda A, B, x: bsk.linear(x, A, torch.ones(256).half().to(THERE)), "bias"),
        (lambda A, B, x: bsk.sampled_matmul(B.new_ones(256, 8).to(THERE), x, A), "left"),
        (lambda A, B, x: bsk.sampled_matmul(B.new_ones(256, 8), x.to(THERE), A), "right"),
    ],
)
def test_operands_that_lie_apart_are_refused(product, argument):
    A, B = matrix(HERE), random_dense(192, 8, device=HERE)
    x = B.t().contiguous()
    for _ in range(2):  # also where a plan is known
        with pytest.raises(ValueError, match=f"^{argument} is on cuda:[01] and "):
            product(A, B, x)
        bsk.linear(x, A, torch.ones(256, device=HERE).half())
        bsk.sparse_mm(A, B)


def test_indices_that_lie_apart_from_the_values_are_refused():
    A, x = matrix(HERE), random_dense(8, 192, device=HERE)
    apart = bsk.BSRMatrix(A.crow_indices, A.col_indices.to(THERE), A.values, A.shape)
    with pytest.raises(ValueError, match=r"^col_indices is on cuda:1 and values on cuda:0"):
        bsk.linear(x, apart)
