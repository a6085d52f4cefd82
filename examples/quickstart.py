"""Multiply a block-sparse matrix by a dense one, check the result against PyTorch, and time both.

With 22 % of the blocks stored, the case is 8192 x 8192 x 8192 in float16 on a GPU, and 2048 x 2048 x 2048 in
float32 on the CPU, where PyTorch takes minutes for a dense float16 product.
Exit code: 0 if the result is right, 1 if it is wrong.
"""

import argparse
import sys
import warnings

import torch

import blackwellsparsek as bsk
from blackwellsparsek.measure import interleaved_medians

# Relative Frobenius error that rounding the result to its dtype allows.
TOLERANCE = {torch.float16: 5e-4, torch.bfloat16: 4e-3, torch.float32: 1e-5}


def positive(text: str) -> int:
    """An argument that counts something."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def share(text: str) -> float:
    """An argument from 0 to 1."""
    if not 0 <= (number := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{number} is not between 0 and 1")
    return number


def device_of(text: str) -> torch.device:
    """A device that this machine has."""
    try:
        torch.empty(0, device=text)
    except (AssertionError, RuntimeError) as error:
        raise argparse.ArgumentTypeError(str(error).splitlines()[0]) from error
    return torch.device(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="example: python examples/quickstart.py --size 4096 --block 64 --dtype bfloat16",
    )
    parser.add_argument("--size", type=positive, help="m = n = k (default: 8192 on a GPU, 2048 on the CPU)")
    parser.add_argument("--block", type=int, default=128, choices=(16, 32, 64, 128, 256))
    parser.add_argument("--density", type=share, default=0.22, help="share of the blocks that are stored")
    parser.add_argument(
        "--dtype",
        choices=("float16", "bfloat16", "float32"),
        help="default: float16 on a GPU, float32 on the CPU",
    )
    parser.add_argument("--device", type=device_of, help="default: cuda if there is one, else cpu")
    parser.add_argument(
        "--repetitions", type=positive, help="timed runs of each (default: 50 on a GPU, 5 on the CPU)"
    )
    arguments = parser.parse_args()
    arguments.device = arguments.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = arguments.device.type == "cuda"
    arguments.dtype = arguments.dtype or ("float16" if on_gpu else "float32")
    arguments.size = arguments.size or (8192 if on_gpu else 2048)
    arguments.repetitions = arguments.repetitions or (50 if on_gpu else 5)
    if arguments.size % arguments.block:
        parser.error(f"--size {arguments.size} is no multiple of --block {arguments.block}")
    side = arguments.size // arguments.block
    if round(arguments.density * side * side) == 0:
        parser.error(f"--density {arguments.density} stores none of the {side} x {side} blocks")
    return arguments


def random_bsr(
    size: int, block: int, density: float, dtype: torch.dtype, device: torch.device
) -> torch.Tensor:
    """A size x size matrix with `density` of its blocks stored, at random places."""
    side = size // block
    stored = torch.randperm(side * side)[: round(density * side * side)].sort().values
    crow = torch.zeros(side + 1, dtype=torch.int64)
    crow[1:] = torch.bincount(stored // side, minlength=side).cumsum(0)
    # Scaled so that the elements of A @ B are of order 1, which gives their largest difference a meaning.
    values = (torch.randn(len(stored), block, block, device=device) / (density * size) ** 0.5).to(dtype)
    return torch.sparse_bsr_tensor(
        crow.to(device), (stored % side).to(device), values, size=(size, size), check_invariants=True
    )


def main() -> int:
    warnings.filterwarnings("ignore", message="Sparse BSR tensor support is in beta")
    arguments = parse_arguments()
    size, device, dtype = arguments.size, arguments.device, getattr(torch, arguments.dtype)
    torch.manual_seed(0)
    A = random_bsr(size, arguments.block, arguments.density, dtype, device)
    B = torch.randn(size, size, device=device).to(dtype)
    dense = A.to_dense()

    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "the CPU (no CUDA device in use)"
    print(f"BlackwellSparseK {bsk.__version__}, PyTorch {torch.__version__}, on {where}\n")
    print(bsk.make_plan(A, size).explain())

    C = bsk.sparse_mm(A, B)
    expected = dense.float() @ B.float()
    difference = C.float() - expected
    error = (difference.norm() / expected.norm()).item()
    right = error <= TOLERANCE[dtype]
    print(
        f"\nAgainst PyTorch's A.to_dense() @ B in float32: largest difference "
        f"{difference.abs().max().item():.3g}, relative Frobenius error {error:.2e}\n"
        f"(at most {TOLERANCE[dtype]:.0e}): {'right' if right else 'WRONG'}"
    )

    seconds, dense_seconds = interleaved_medians(
        [lambda: bsk.sparse_mm(A, B), lambda: dense @ B], arguments.repetitions, device
    )
    executed = 2 * A.values().numel() * size
    dense_equivalent = 2 * size**3
    print(f"\nMedian of {arguments.repetitions} interleaved runs:")
    print(
        f"  bsk.sparse_mm    {seconds * 1e3:9.3f} ms  {executed / seconds * 1e-12:8.3f} executed TFLOP/s  "
        f"{dense_equivalent / seconds * 1e-12:8.3f} dense-equivalent TFLOP/s"
    )
    print(
        f"  PyTorch dense    {dense_seconds * 1e3:9.3f} ms  {dense_equivalent / dense_seconds * 1e-12:8.3f} "
        "executed TFLOP/s"
    )
    print(f"  Time of the dense product over that of the sparse one: {dense_seconds / seconds:.2f}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
