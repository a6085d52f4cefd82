"""What only a GPU has: other streams, CUDA graphs, and no synchronisation."""

import os
import subprocess
import sys
from functools import partial

import pytest
import torch

import blackwellsparsek as bsk
from support import assert_product, product_on_a_busy_stream, random_bsr, random_dense

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
BLOCKS = [(16, 16), (32, 32), (64, 64), (128, 128)]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_current_stream_is_used(block):
    A, B = random_bsr(1024, 1024, block, device="cuda"), random_dense(1024, 512, device="cuda")
    assert_product(product_on_a_busy_stream(A, B), A, B)


def test_a_plan_made_on_another_stream():
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        A = random_bsr(512, 512, (64, 64), device="cuda")
        B = random_dense(512, 128, device="cuda")
        C = bsk.sparse_mm(A, B)
    stream.synchronize()
    assert_product(C, A, B)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_cuda_graph_replays_with_new_values_and_operands(block):
    A = random_bsr(512, 512, block, device="cuda")
    B = random_dense(512, 256, device="cuda")
    plan = bsk.make_plan(A, 256)
    out = torch.empty(512, 256, dtype=A.dtype, device="cuda")
    bsk.sparse_mm(A, B, out=out, plan=plan)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        bsk.sparse_mm(A, B, out=out, plan=plan)
    for seed in (11, 12):
        B.copy_(random_dense(512, 256, device="cuda", seed=seed))
        A.values().mul_(-0.5)
        out.fill_(torch.nan)
        graph.replay()
        torch.cuda.synchronize()
        assert_product(out, A, B)


FIRST_BIAS_GRADIENT = """
import torch
import blackwellsparsek as bsk

W = bsk.BSRMatrix.from_dense(torch.randn(256, 192, device="cuda").bfloat16(), 64)
x, seed = torch.randn(96, 192, device="cuda").bfloat16(), torch.randn(96, 256, device="cuda").bfloat16()
bias = torch.zeros(256, device="cuda").bfloat16().requires_grad_()
W.values.requires_grad_()
torch.autograd.grad(bsk.linear(x, W), W.values, seed)  # makes the plans
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    _, sums = torch.autograd.grad(bsk.linear(x, W, bias), (W.values, bias), seed)
graph.replay()
torch.testing.assert_close(sums.float(), seed.float().sum(0), rtol=1e-2, atol=1e-2)
"""


def test_the_first_gradient_of_a_bias_may_be_captured(repository):
    """In a process of its own, where nothing has loaded its kernel before."""
    environment = {**os.environ, "PYTHONPATH": str(repository / "python"), "CUDA_MODULE_LOADING": "LAZY"}
    command = [sys.executable, "-c", FIRST_BIAS_GRADIENT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_training_takes_no_more_memory_than_its_share():
    """At its peak, beside activations, which are small here: weights, gradients and all that AdamW needs."""

    def peak_of(make) -> int:
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        layer = make()
        optimizer = torch.optim.AdamW(layer.parameters(), foreach=True)
        for _ in range(3):
            layer(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        return torch.cuda.max_memory_allocated() - before

    size, like = 4096, {"device": "cuda", "dtype": torch.bfloat16}
    x = random_dense(64, size, torch.bfloat16, "cuda")
    torch.nn.Linear(64, 64, **like)(x[:, :64])  # cuBLAS's workspace counts for neither
    dense = peak_of(partial(torch.nn.Linear, size, size, **like))
    for block in (128, 64, 32):
        sparse = peak_of(
            lambda b=block: bsk.nn.BlockSparseLinear(size, size, block_size=b, density=0.22, **like)
        )
        assert sparse <= (0.22 + 0.05) * dense


def test_results_are_the_same_from_run_to_run():
    A = random_bsr(1024, 1024, (64, 64), device="cuda")
    B = random_dense(1024, 512, device="cuda")
    first = bsk.sparse_mm(A, B)
    for _ in range(5):
        assert torch.equal(bsk.sparse_mm(A, B), first)


def test_freeing_a_matrix_whose_product_is_still_running():
    B = random_dense(2048, 2048, device="cuda")
    A = random_bsr(2048, 2048, (64, 64), device="cuda")
    reference = A.clone()
    C = bsk.sparse_mm(A, B)
    del A
    torch.cuda.synchronize()
    assert_product(C, reference, B)
