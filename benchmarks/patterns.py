"""Time of patterns that are hard to balance, beside the uniform random pattern with as many stored blocks.

A is 8192 x 8192 in fp16, B row-major with random normal values. Pattern and uniform pattern are launched in
turns; the figures are medians of isolated launches by CUDA events, behind a wait for the host. Prints a JSON
record a line.
"""

import argparse
import json

import numpy as np
import torch

import blackwellsparsek as bsk
from blackwellsparsek.benchmarking.environment import sources
from blackwellsparsek.benchmarking.patterns import PATTERNS, block_mask, uniform
from blackwellsparsek.measure import interleaved_medians

SIZE, DENSITY = 8192, 0.22


def sparse(mask: np.ndarray, block: int) -> torch.Tensor:
    """The BSR matrix of these blocks, with random normal values."""
    crow = torch.from_numpy(np.concatenate([[0], mask.sum(axis=1).cumsum()]))
    col = torch.from_numpy(np.nonzero(mask)[1])
    values = torch.randn(col.numel(), block, block, device="cuda").half()
    side = mask.shape[0] * block
    return torch.sparse_bsr_tensor(crow.cuda(), col.cuda(), values, size=(side, side))


def milliseconds(matrices: list[torch.Tensor], plans: list[bsk.Plan], B: torch.Tensor) -> list[float]:
    """Median time of a product by each matrix, launched in turns."""
    out = torch.empty(SIZE, B.shape[1], dtype=B.dtype, device="cuda")
    calls = [
        lambda A=A, plan=plan: bsk.sparse_mm(A, B, out=out, plan=plan)
        for A, plan in zip(matrices, plans, strict=True)
    ]
    return [1e3 * time for time in interleaved_medians(calls, 30, B.device, 10, host_ahead=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--block", type=int, nargs="+", default=[128, 64, 32, 16])
    parser.add_argument("--n", type=int, nargs="+", default=[8192, 512])
    options = parser.parse_args()
    torch.manual_seed(1)
    for block in options.block:
        random = np.random.default_rng(1)
        for name in PATTERNS[1:]:
            mask = block_mask(name, SIZE // block, DENSITY, random)
            stored = int(mask.sum())
            matrices = [sparse(mask, block), sparse(uniform(SIZE // block, stored, random), block)]
            for n in options.n:
                B = torch.randn(SIZE, n, device="cuda").half()
                plans = [bsk.make_plan(A, n) for A in matrices]
                time, uniform_time = milliseconds(matrices, plans, B)
                record = {
                    "schema": "bsk.patterns/1",
                    "device": torch.cuda.get_device_name(),
                    "version": bsk.__version__,
                    **sources(),
                    "size": SIZE,
                    "n": n,
                    "block": block,
                    "pattern": name,
                    "nnzb": stored,
                    "kernel": plans[0].kernel,
                    "median_ms": time,
                    "uniform_median_ms": uniform_time,
                    "over_uniform": time / uniform_time,
                }
                print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
