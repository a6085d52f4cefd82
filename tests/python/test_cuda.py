"""What only a GPU has: other streams, CUDA graphs, and no synchronisation."""

import pytest
import torch

import blackwellsparsek as bsk
from support import assert_product, random_bsr, random_dense

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
BLOCKS = [(16, 16), (32, 32), (64, 64), (128, 128)]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_current_stream_is_used(block):
    A = random_bsr(1024, 1024, block, device="cuda")
    source = random_dense(1024, 512, device="cuda")
    bsk.sparse_mm(A, source)  # makes the plan
    B = torch.zeros_like(source)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # the product must wait for what is before it on this stream
        B.copy_(source)
        C = bsk.sparse_mm(A, B)
    assert not stream.query(), "sparse_mm waited for the stream"
    stream.synchronize()
    assert_product(C, A, source)


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
