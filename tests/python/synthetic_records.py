"""Invented records for tests of the report. None of the figures was measured."""

from dataclasses import replace

from blackwellsparsek.records import (
    OURS,
    Case,
    Clocks,
    Environment,
    Error,
    Record,
    Results,
    Spread,
    Times,
)

DENSE_RATE = 750.0  # TFLOP/s of the invented dense peers
RATES = {128: 650.0, 64: 500.0, 32: 350.0, 16: 170.0}  # executed, at density 0.22
PEER_SLOWDOWNS = {
    "torch_sparse_csr": 140.0,
    "cusparse_bsr": 55.0,
    "cusparse_blocked_ell": 4.5,
    "torch_triton_bsr": 3.4,
    "torch_triton_bsr_tuned": 3.1,
}
DENSE_PEERS = ("cublas_dense", "cutlass_dense")


def environment(**changes: object) -> Environment:
    """An H200 on which nothing was measured."""
    invented = Environment(
        gpu="NVIDIA H200",
        compute_capability="9.0",
        sm_count=132,
        memory_bytes=150_000_000_000,
        driver="580.00.00",
        cuda_driver="13.0",
        cuda_runtime="13.0",
        cuda_build="13.0",
        torch="2.11.0",
        python="3.12.3",
        library_version="0.1.0",
        commit="synthetic",
        architectures="90a",
        kernels_sha256="0" * 64,
        l2_bytes=50 * 2**20,
        copy_gb_per_s=4000.0,
        date="2000-01-01T00:00:00Z",
        command="synthetic records of a test",
        hgmma=1000,
        utmaldg=100,
        plan_sha256="1" * 64,
    )
    return replace(invented, **changes)


def case(size: int = 8192, block: int = 128, sparsity: float = 0.78, **changes: object) -> Case:
    """A cube in fp16 with uniform blocks."""
    blocks = (size // block) ** 2
    nnzb = round((1 - sparsity) * blocks)
    cube = Case(size, size, size, block, sparsity, nnzb / blocks, nnzb, "float16", "nn", "uniform", 1)
    return replace(cube, **changes)


def spread(median: float, width: float = 0.01) -> Spread:
    low, high = median * (1 - width), median * (1 + width)
    return Spread(median, low, high, low * 0.99, high * 1.01, 30)


def record(of: Case, implementation: str, ms: float, width: float = 0.01, **changes: object) -> Record:
    """A right result after `ms` milliseconds."""
    work = "dense" if implementation in DENSE_PEERS else "stored_blocks"
    executed = of.dense_flop if work == "dense" else of.stored_flop
    result = Record(
        case=of,
        implementation=implementation,
        status="ok",
        reason=None,
        other_pattern=False,
        time_ms=Times(spread(1.02 * ms, width), spread(ms, width), 1.01 * ms),
        work=work,
        executed_tflops=executed / ms / 1e9,
        dense_equivalent_tflops=of.dense_flop / ms / 1e9,
        error=Error(0.0015, 2e-4, 0.01),
        clocks=Clocks(1600.0, 680.0, ("sw_power_cap",)),
        kernel="spmm_sm90" if implementation == OURS else None,
        plan="Tiles of 128x256 of C." if implementation == OURS else None,
        settings=None,
    )
    return replace(result, **changes)


def not_measured(
    of: Case, implementation: str, reason: str, status: str = "skipped", **changes: object
) -> Record:
    empty = {"time_ms": Times(), "executed_tflops": None, "dense_equivalent_tflops": None, "error": None}
    return replace(
        record(of, implementation, 1.0), **empty, clocks=None, status=status, reason=reason, **changes
    )


def records_of(of: Case, rate: float) -> list[Record]:
    """Ours and all peers on one case."""
    ms = of.stored_flop / rate / 1e9
    dense_ms = of.dense_flop / DENSE_RATE / 1e9
    return [
        record(of, OURS, ms),
        *(record(of, peer, dense_ms) for peer in DENSE_PEERS),
        *(record(of, peer, slower * ms) for peer, slower in PEER_SLOWDOWNS.items()),
        not_measured(of, "stk_triton", "The package stk is not installed."),
        record(of, "cutlass_2to4", dense_ms, other_pattern=True),
    ]


def results(scale: float = 1.0, sizes: tuple[int, ...] = (8192,), **changes: object) -> Results:
    """A whole run; `scale` multiplies our rates."""
    records = []
    for size in sizes:
        for block, rate in RATES.items():
            for sparsity in (0.5, 0.7, 0.78, 0.9):
                of = case(size, block, sparsity)
                records += records_of(of, scale * rate * (1 - 0.3 * (sparsity - 0.78)))
    return Results(environment(**changes), {"iterations": 30}, tuple(records))
