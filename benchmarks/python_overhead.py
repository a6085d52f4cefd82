"""What a call costs the host: median microseconds of enqueueing one small product, or one linear layer.

Prints one JSON record. On CUDA the product runs behind the host, so that checks, plan look-up, allocation of
the result and the launch are counted; on the CPU the (tiny) product itself is part of the figure.
"""

import json
import time
from collections.abc import Callable
from statistics import median

import torch

import blackwellsparsek as bsk
from blackwellsparsek.benchmarking.environment import sources

CALLS, ROUNDS = 200, 50  # a round is short enough for CUDA's launch queue


def microseconds(call: Callable[[], object], device: str) -> float:
    """Median over rounds of the mean time of a call."""
    samples = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(CALLS):
            call()
        samples.append((time.perf_counter() - begin) / CALLS * 1e6)
        if device == "cuda":
            torch.cuda.synchronize()
    return median(samples)


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float16
    A = torch.eye(64, dtype=dtype, device=device).to_sparse_bsr((64, 64))
    B = torch.ones(64, 64, dtype=dtype, device=device)
    out = torch.empty(64, 64, dtype=dtype, device=device)
    plan = bsk.make_plan(A, 64)
    x = B.clone().requires_grad_()
    weight = bsk.BSRMatrix.from_torch(A)
    dense = B.clone().requires_grad_()
    trained = weight.with_values(weight.values.clone().requires_grad_())
    record = {
        "schema": "bsk.python_overhead/2",
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "torch": torch.__version__,
        "version": bsk.__version__,
        **sources(),
        "kernel": plan.kernel,
        "sparse_mm_us": microseconds(lambda: bsk.sparse_mm(A, B), device),
        "sparse_mm_with_plan_and_out_us": microseconds(
            lambda: bsk.sparse_mm(A, B, out=out, plan=plan), device
        ),
        "torch_dense_us": microseconds(lambda: torch.mm(B, B), device),
        "linear_us": microseconds(lambda: bsk.linear(B, weight), device),
        "torch_linear_us": microseconds(lambda: torch.nn.functional.linear(B, B), device),
        "linear_with_gradient_us": microseconds(lambda: bsk.linear(x, trained), device),
        "torch_linear_with_gradient_us": microseconds(lambda: torch.nn.functional.linear(x, dense), device),
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
