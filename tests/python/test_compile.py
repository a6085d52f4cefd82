"""torch.compile, torch.export, autocast, checkpointing, CUDA graphs and streams, with gradients."""

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils.checkpoint import checkpoint

import blackwellsparsek as bsk
from support import random_bsr, random_dense


class Block(torch.nn.Module):
    """A feed-forward block, x + W2 gelu(W1 x), of sparse layers."""

    def __init__(self, device: str, dtype: torch.dtype = torch.float32, inner: int = 192) -> None:
        super().__init__()
        torch.manual_seed(0)
        sparse = {"block_size": 32, "density": 0.4, "device": device, "dtype": dtype}
        self.up = bsk.nn.BlockSparseLinear(96, inner, activation="gelu", **sparse)
        self.down = bsk.nn.BlockSparseLinear(inner, 96, **sparse)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(self.up(x))


def step(model, block: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The loss and all gradients."""
    x = x.detach().requires_grad_()
    block.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    return [loss.detach(), x.grad, *(parameter.grad for parameter in block.parameters())]


def assert_same(got: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float = 1e-5) -> None:
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_without_breaks_and_for_any_number_of_tokens(device, backend):
    torch.compiler.reset()
    block = Block(device)
    counter = CompileCounterWithBackend(backend)
    compiled = torch.compile(block, fullgraph=True, dynamic=True, backend=counter)
    for tokens in (40, 56, 24):
        x = random_dense(tokens, 96, torch.float32, device)
        assert_same(step(compiled, block, x), step(block, block, x))
    assert counter.frame_count == 1, "compiled again for another number of tokens"


def test_a_compiled_layer_without_bias(device):
    """Its last arguments have their defaults, which torch leaves out."""
    torch.compiler.reset()
    layer = bsk.nn.BlockSparseLinear(96, 64, bias=False, block_size=32, density=0.5, device=device)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = random_dense(24, 96, torch.float32, device)
    assert_same(step(compiled, layer, x), step(layer, layer, x))


def test_sparse_mm_of_matrices_in_compiled_code(device):
    torch.compiler.reset()
    A = bsk.BSRMatrix.from_torch(random_bsr(64, 96, dtype=torch.float32, device=device))

    @torch.compile(fullgraph=True, backend="aot_eager")
    def products(values: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
        matrix = A.with_values(values)
        there = bsk.sparse_mm(matrix, B, activation="relu")
        back = bsk.sparse_mm(matrix.T, there)
        return back + bsk.sparse_mm(bsk.sparse_mm(B.t(), matrix.T), matrix).t()

    values = A.values.clone().requires_grad_()
    B = random_dense(96, 24, torch.float32, device).requires_grad_()
    dense = A.with_values(values).to_dense()
    expected = dense.t() @ torch.relu(dense @ B) + dense.t() @ dense @ B
    got = products(values, B)
    seed = torch.randn_like(got)
    assert_same(
        [got, *torch.autograd.grad(got, (values, B), seed)],
        [expected, *torch.autograd.grad(expected, (values, B), seed)],
        1e-4,
    )


def test_a_matrix_of_torch_in_compiled_code(device):
    torch.compiler.reset()
    A = bsk.BSRMatrix.from_torch(random_bsr(64, 96, dtype=torch.float32, device=device))
    B = random_dense(96, 24, torch.float32, device)
    product = torch.compile(lambda A, B: bsk.sparse_mm(A, B), fullgraph=True, backend="aot_eager")
    assert_same([product(A, B)], [A.to_dense() @ B], 1e-4)


def test_exported_program_takes_other_sizes(device, tmp_path):
    block = Block(device).eval()
    tokens = torch.export.Dim("tokens", min=2, max=4096)
    x = random_dense(40, 96, torch.float32, device)
    program = torch.export.export(block, (x,), dynamic_shapes=({0: tokens},))
    torch.export.save(program, tmp_path / "block.pt2")
    loaded = torch.export.load(tmp_path / "block.pt2").module()
    with torch.no_grad():
        for count in (40, 24):
            torch.testing.assert_close(loaded(x[:count]), block(x[:count]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed(device, reentrant):
    block = Block(device)
    x = random_dense(40, 96, torch.float32, device)
    recomputed = step(lambda x: checkpoint(block, x, use_reentrant=reentrant), block, x)
    assert_same(recomputed, step(block, block, x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(device, dtype):
    block = Block(device)
    x = random_dense(40, 96, torch.float32, device)
    with torch.autocast(device, dtype=dtype):
        assert block.up(x).dtype is dtype
        assert (block.up.matrix @ x.t()).dtype is dtype
        loss = block(x).float().square().mean()
    loss.backward()
    assert block.up.weight.grad.dtype is torch.float32
    expected = step(block, block, x)
    assert_same([loss.detach(), block.up.weight.grad], [expected[0], expected[2]], 2e-2)


@pytest.fixture
def cuda() -> str:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return "cuda"


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_training_step_in_a_cuda_graph_follows_new_values(cuda, dtype):
    block = Block(cuda, dtype)
    x = random_dense(256, 96, dtype, cuda)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step(block, block, x)  # makes the plans
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = step(block, block, x)
    for scale in (0.5, -2.0):
        with torch.no_grad():
            x.mul_(scale)
            block.up.weight.mul_(0.5)
        graph.replay()
        torch.cuda.synchronize()
        assert_same(captured, step(block, block, x), 1e-3)


@pytest.mark.gpu
def test_a_new_size_in_a_capture_is_refused_in_words(cuda):
    block = Block(cuda, torch.float16)
    x = random_dense(256, 96, torch.float16, cuda)
    block(x)
    with (
        pytest.raises(RuntimeError, match="call the same operation once before the capture"),
        torch.cuda.graph(torch.cuda.CUDAGraph()),
        torch.no_grad(),
    ):
        block(x[:128])


@pytest.mark.gpu
def test_reduce_overhead_mode(cuda):
    torch.compiler.reset()
    block = Block(cuda)
    compiled = torch.compile(block, fullgraph=True, mode="reduce-overhead")
    for seed in range(4):
        x = random_dense(256, 96, torch.float32, cuda, seed)
        torch.compiler.cudagraph_mark_step_begin()
        assert_same(step(compiled, block, x), step(block, block, x), 1e-4)


@pytest.mark.gpu
def test_forward_and_backward_on_another_stream(cuda):
    block = Block(cuda, torch.float16)
    x = random_dense(512, 96, torch.float16, cuda)
    expected = step(block, block, x)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        late = x.clone()
        got = step(block, block, late)
    assert not stream.query(), "the step waited for the stream"
    stream.synchronize()
    assert_same(got, expected, 1e-3)


def test_compiled_layers_follow_a_new_mask(device):
    torch.compiler.reset()
    layer = bsk.nn.BlockSparseLinear(96, 128, block_size=32, density=0.5, device=device)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = random_dense(8, 96, torch.float32, device)
    for stored in (6, 6, 3):
        mask = torch.zeros(12, dtype=torch.bool, device=device)
        mask[torch.randperm(12)[:stored]] = True
        bsk.nn.set_mask_(layer, mask.view(4, 3))
        torch.testing.assert_close(compiled(x), layer.to_dense()(x), rtol=1e-4, atol=1e-4)
