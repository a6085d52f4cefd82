"""Random matrices, the oracle in double precision, and the comparison with its tolerances."""

import itertools

import torch
from torch.nn import functional

import blackwellsparsek as bsk

# Relative Frobenius error that rounding the result once to its dtype allows, with room for fp32 accumulation.
TOLERANCE = {torch.float16: 5e-4, torch.bfloat16: 4e-3, torch.float32: 1e-5}

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "gelu_erf": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
}


def random_bsr(
    m: int,
    k: int,
    block: tuple[int, int] = (16, 16),
    density: float = 0.4,
    dtype: torch.dtype = torch.float16,
    device: str = "cpu",
    seed: int = 0,
) -> torch.Tensor:
    """A matrix whose stored blocks are drawn independently."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(m // block[0], k // block[1], generator=generator) < density
    return bsr_of_mask(mask, block, dtype, seed).to(device)


def bsr_of_mask(
    mask: torch.Tensor, block: tuple[int, int], dtype: torch.dtype, seed: int = 0
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + 1)
    crow = torch.cat([torch.zeros(1, dtype=torch.int64), mask.sum(1).cumsum(0)])
    col = mask.nonzero()[:, 1].contiguous()
    values = torch.randn(len(col), *block, generator=generator).to(dtype)
    size = (mask.shape[0] * block[0], mask.shape[1] * block[1])
    return torch.sparse_bsr_tensor(crow, col, values, size=size, check_invariants=True)


def random_dense(
    rows: int, cols: int, dtype: torch.dtype = torch.float16, device: str = "cpu", seed: int = 7
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, cols, generator=generator).to(dtype).to(device)


def strided_copy(matrix: torch.Tensor, device: str) -> torch.Tensor:
    """A copy on `device` with the strides that `matrix` has."""
    frame = matrix if matrix._base is None else matrix._base
    return frame.to(device, copy=True).as_strided(matrix.shape, matrix.stride())


def oracle(A: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
    """A*B in float64 on the CPU; NaN in B does not pass through blocks that are not stored."""
    values, B = A.values().cpu().double(), B.cpu().double()
    block_m, block_k = values.shape[1:]
    crow, col = A.crow_indices().tolist(), A.col_indices().tolist()
    product = torch.zeros(A.shape[0], B.shape[1], dtype=torch.float64)
    for row, (begin, end) in enumerate(itertools.pairwise(crow)):
        if begin < end:
            stored = values[begin:end].transpose(0, 1).reshape(block_m, -1)
            rows = torch.cat([B[j * block_k : (j + 1) * block_k] for j in col[begin:end]])
            product[row * block_m : (row + 1) * block_m] = stored @ rows
    return product


def assert_product(
    C: torch.Tensor,
    A: torch.Tensor,
    B: torch.Tensor,
    alpha: float = 1.0,
    beta: float = 0.0,
    C0: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    activation: str = "none",
) -> None:
    """Assert that C is activation(alpha*A*B + beta*C0 + bias), NaN and infinities included.

    `bias` broadcasts: [m, 1] or [n].
    """
    expected = alpha * oracle(A, B)
    if C0 is not None and beta:
        expected += beta * C0.cpu().double()
    if bias is not None:
        expected += bias.cpu().double()
    expected = ACTIVATIONS[activation](expected)
    got = C.cpu().double()
    assert got.shape == expected.shape
    assert torch.equal(got.isnan(), expected.isnan()), "NaN in other places than expected"
    finite = expected.isfinite()
    assert torch.equal(got[~finite].nan_to_num(nan=0.0), expected[~finite].nan_to_num(nan=0.0))
    difference = torch.where(finite, got - expected, 0)
    assert difference.isfinite().all(), "infinities in other places than expected"
    norm = torch.where(finite, expected, 0).norm()
    error = difference.norm() / norm if norm > 0 else difference.norm()
    worst = divmod(int(difference.abs().argmax()), max(1, C.shape[1])) if C.numel() else None
    assert error <= TOLERANCE[C.dtype], f"relative Frobenius error {error:.2e}, worst at {worst}"


def assert_like_dense(layer: torch.nn.Module, x: torch.Tensor) -> None:
    """Assert that a BlockSparseLinear without activation does what its dense form does."""
    torch.testing.assert_close(layer(x), layer.to_dense()(x), rtol=1e-4, atol=1e-4)


def product_on_a_busy_stream(A: torch.Tensor | bsk.BSRMatrix, source: torch.Tensor) -> torch.Tensor:
    """A @ source on another stream of their device, where the copy of `source` that it takes comes late."""
    bsk.sparse_mm(A, source)  # makes the plan
    B = torch.zeros_like(source)
    stream = torch.cuda.Stream(source.device)
    stream.wait_stream(torch.cuda.current_stream(source.device))
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # the product must wait for what is before it on this stream
        B.copy_(source)
        C = bsk.sparse_mm(A, B)
    assert not stream.query(), "sparse_mm waited for the stream"
    stream.synchronize()
    return C
