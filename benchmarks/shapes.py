"""Time of shapes and epilogues beside what each should not be slower than, in turns on one GPU.

fp16, uniform random blocks. Every case prints a JSON record: its median, its reference's, their ratio and the
ratio that is wanted (or null). Medians are of isolated launches by CUDA events; in `columns` L2 is cold.

epilogues  a fused epilogue, beside the plain product
ragged     sizes that are no multiples of 8 or of a tile, beside the next round size
columns    few columns of B, beside reading the stored values at the bandwidth of a large copy, and cuBLAS
batches    a batch in one launch, beside a launch for each of its matrices
sizes      the kernel chosen, beside cuBLAS; and policy="auto" of fixed values, beside the faster of the two
"""

import argparse
import json
from collections.abc import Callable, Iterator

import numpy as np
import torch

import blackwellsparsek as bsk
from blackwellsparsek.benchmarking.environment import sources
from blackwellsparsek.benchmarking.patterns import uniform
from blackwellsparsek.benchmarking.timing import Contender, CudaClock, measure

SIZE, DENSITY = 8192, 0.22
BLOCKS = (128, 64, 32, 16)
LAYOUTS = ("row_major", "col_major")
ITERATIONS = 24
SIZES = (2048, 4096, 8192, 16384, 32768)
CROSSOVER = {128: 0.92, 64: 0.80, 32: 0.55, 16: 0.45}  #: faster than cuBLAS is wanted up to this density

Launch = Callable[[], object]
Record = dict[str, object]


class Bench:
    """The GPU, its clock and its copy bandwidth."""

    def __init__(self) -> None:
        self.device = torch.device("cuda")
        self.clock = CudaClock(self.device)
        source, target = self.normal(2**29), self.normal(2**29)
        milliseconds = self.times([lambda: target.copy_(source)], 0.1)[0]
        self.copied_bytes_per_ms = 2 * source.nbytes / milliseconds

    def normal(self, *shape: int) -> torch.Tensor:
        return torch.randn(shape, device=self.device, dtype=torch.float16)

    def times(self, launches: list[Launch], seconds: float, cold: bool = False) -> list[float]:
        """Median milliseconds of each, launched in turns for about so many seconds."""
        contenders = []
        for launch in launches:
            launch()  # plans, and loads the kernel
            estimate = self.clock.isolated(Contender(launch, 0.0), flush=False)
            contenders.append(Contender(launch, 1e-3 * estimate))
        measure(contenders, self.clock, ITERATIONS, seconds, lambda: None)
        times = [contender.times() for contender in contenders]
        return [(time.cold if cold else time.warm).median for time in times]

    def sparse(self, m: int, k: int, block: int, density: float = DENSITY) -> bsk.BSRMatrix:
        """Blocks of random normal values; those at the lower and right edge are padded with zeros."""
        rows, columns = -(-m // block), -(-k // block)
        side = max(rows, columns)
        random = np.random.default_rng(1)
        mask = uniform(side, max(1, round(density * side * side)), random)[:rows, :columns]
        crow = torch.from_numpy(np.concatenate([[0], mask.sum(axis=1).cumsum()]))
        row, col = map(torch.from_numpy, np.nonzero(mask))
        values = self.normal(col.numel(), block, block)
        if m % block:
            values[(row == rows - 1).to(self.device), m % block :, :] = 0
        if k % block:
            values[(col == columns - 1).to(self.device), :, k % block :] = 0
        return bsk.BSRMatrix(crow.to(self.device), col.to(self.device), values, (m, k))

    def operand(self, k: int, n: int, layout: str, *batch: int) -> torch.Tensor:
        """B[k, n], or a batch of them, stored by rows or by columns."""
        if layout == "row_major":
            return self.normal(*batch, k, n)
        return self.normal(*batch, n, k).mT


def compared(case: str, time: float, reference: str, reference_time: float, wanted: float | None) -> Record:
    return {
        "case": case,
        "median_ms": time,
        "reference": reference,
        "reference_ms": reference_time,
        "ratio": time / reference_time,
        "wanted": wanted,
    }


def epilogues(bench: Bench, block: int, layout: str) -> Iterator[Record]:
    A, B = bench.sparse(SIZE, SIZE, block), bench.operand(SIZE, SIZE, layout)
    out, residual = bench.operand(SIZE, SIZE, layout), bench.operand(SIZE, SIZE, layout)
    vector = bench.normal(SIZE)
    cases = {
        "plain": {},
        "row bias": {"bias": vector, "bias_axis": "row"},
        "column bias": {"bias": vector, "bias_axis": "column"},
        **{name: {"activation": name} for name in ("relu", "gelu_tanh", "gelu", "silu")},
        "alpha, beta": {"alpha": 0.5, "beta": 0.5, "residual": out},
        "residual": {"residual": residual},
        "row bias, gelu_tanh": {"bias": vector, "bias_axis": "row", "activation": "gelu_tanh"},
        "row bias, gelu_tanh, residual": {
            "bias": vector,
            "bias_axis": "row",
            "activation": "gelu_tanh",
            "residual": residual,
        },
    }
    launches = [lambda options=options: bsk.sparse_mm(A, B, out=out, **options) for options in cases.values()]
    plain, *times = bench.times(launches, 0.6)
    for case, time in zip(list(cases)[1:], times, strict=True):
        yield compared(case, time, "plain", plain, 1.03)


def ragged(bench: Bench, block: int, layout: str) -> Iterator[Record]:
    # n: off 16 bytes, off a tile; then m, then k.
    shapes = [(SIZE, SIZE, n, SIZE) for n in (8191, 8180, 8136)]
    shapes += [(SIZE, SIZE, n, 512) for n in (511, 500)] + [(SIZE, SIZE, 100, 104)]
    shapes += [(m, SIZE, SIZE, SIZE) for m in (8189, 8180)] + [(SIZE, k, SIZE, SIZE) for k in (8189, 8180)]
    whole = bench.sparse(SIZE, SIZE, block)
    for m, k, n, round_n in shapes:
        A = whole if (m, k) == (SIZE, SIZE) else bench.sparse(m, k, block)
        B, round_B = bench.operand(k, n, layout), bench.operand(SIZE, round_n, layout)
        out, round_out = bench.operand(m, n, layout), bench.operand(SIZE, round_n, layout)
        launches = [
            lambda A=A, B=B, out=out: bsk.sparse_mm(A, B, out=out),
            lambda B=round_B, out=round_out: bsk.sparse_mm(whole, B, out=out),
        ]
        time, round_time = bench.times(launches, 0.15)
        kernel = bsk.make_plan(A, n, b_layout=layout).kernel
        yield {
            **compared(f"m {m}, k {k}, n {n}", time, f"m, k {SIZE}, n {round_n}", round_time, 1.10),
            "kernel": kernel,
        }


def columns(bench: Bench, block: int, layout: str) -> Iterator[Record]:
    A = bench.sparse(SIZE, SIZE, block)
    dense = A.to_dense()
    read = A.values.nbytes / bench.copied_bytes_per_ms
    for n in (1, 8, 16, 64, 128, 512, 2048):
        B, out = bench.operand(SIZE, n, layout), bench.operand(SIZE, n, layout)
        launches = [
            lambda B=B, out=out: bsk.sparse_mm(A, B, out=out),
            lambda B=B: torch.mm(dense, B),
        ]
        time, dense_time = bench.times(launches, 0.1, cold=True)
        kernel = {"kernel": bsk.make_plan(A, n, b_layout=layout).kernel}
        if n <= 16:
            yield {**compared(f"n {n}", time, "reading the values", read, 1 / 0.75), **kernel}
        yield {**compared(f"n {n}", time, "cuBLAS", dense_time, 1.05), **kernel}


def batches(bench: Bench, block: int, layout: str) -> Iterator[Record]:
    A = bench.sparse(SIZE, SIZE, block)
    for batch, n in ((8, 1024), (16, 128), (64, 16)):
        B = bench.operand(SIZE, n, layout, batch)

        def one_by_one(B: torch.Tensor = B) -> None:
            for matrix in B:
                bsk.sparse_mm(A, matrix)

        time, single = bench.times([lambda B=B: bsk.sparse_mm(A, B), one_by_one], 0.2)
        yield compared(f"{batch} of n {n}", time, f"{batch} launches", single, 1.0)


def sizes(bench: Bench, block: int, layout: str) -> Iterator[Record]:
    for size in SIZES:
        B, out = bench.operand(size, size, layout), bench.operand(size, size, layout)
        for density in (0.05, 0.1, 0.22, 0.3, 0.5, 0.9):
            yield from _against_dense(bench, bench.sparse(size, size, block, density), B, out, density)


def _against_dense(
    bench: Bench, A: bsk.BSRMatrix, B: torch.Tensor, out: torch.Tensor, density: float
) -> Iterator[Record]:
    size = B.shape[0]
    dense = A.to_dense()
    own, auto = (bsk.make_plan(A, size, policy=policy, fixed_values=True) for policy in ("sparse", "auto"))
    plans = [own] if auto.kernel == own.kernel else [own, auto]
    launches: list[Launch] = [lambda plan=plan: bsk.sparse_mm(A, B, out=out, plan=plan) for plan in plans]
    launches.append(lambda: torch.mm(dense, B))
    time, *autos, dense_time = bench.times(launches, 0.2 if size <= 8192 else 0.6)
    case = f"{size}^3, density {density}"
    wanted = 1.0 if density <= CROSSOVER[A.block[0]] else None
    yield {**compared(case, time, "cuBLAS", dense_time, wanted), "kernel": own.kernel}
    faster = min(time, dense_time)
    record = compared(f"{case}, auto", autos[0] if autos else time, "the faster", faster, 1.05)
    yield {**record, "kernel": auto.kernel}


GROUPS = {function.__name__: function for function in (epilogues, ragged, columns, batches, sizes)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: python benchmarks/shapes.py --groups columns batches --block 64 >shapes.jsonl",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--groups", nargs="+", default=list(GROUPS), choices=GROUPS)
    parser.add_argument("--block", type=int, nargs="+", default=list(BLOCKS), choices=BLOCKS)
    parser.add_argument("--layout", nargs="+", default=list(LAYOUTS), choices=LAYOUTS)
    options = parser.parse_args()
    torch.manual_seed(1)
    bench = Bench()
    about = {
        **sources(),
        "schema": "bsk.shapes/1",
        "device": torch.cuda.get_device_name(),
        "version": bsk.__version__,
        "copy_gb_s": 1e-6 * bench.copied_bytes_per_ms,
    }
    for group in options.groups:
        for block in options.block:
            for layout in ["row_major"] if group == "sizes" else options.layout:
                for record in GROUPS[group](bench, block, layout):
                    line = {**about, "group": group, "block": block, "layout": layout, **record}
                    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
