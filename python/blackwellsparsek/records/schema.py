"""What a record holds."""

from dataclasses import dataclass, field, replace
from typing import Literal

SCHEMA = "bsk.results/1"  #: changes whenever a field changes its name or meaning
OURS = "bsk"

Status = Literal["ok", "wrong", "skipped", "failed"]
Work = Literal["dense", "stored_blocks"]


@dataclass(frozen=True)
class Environment:
    """Where and with what was measured. None where it does not apply or could not be found out."""

    gpu: str
    compute_capability: str | None
    sm_count: int | None
    memory_bytes: int | None
    driver: str | None
    cuda_driver: str | None
    cuda_runtime: str | None
    cuda_build: str | None
    torch: str | None
    python: str
    library_version: str
    commit: str
    architectures: str
    kernels_sha256: str | None
    l2_bytes: int | None
    copy_gb_per_s: float | None  #: bytes read plus written, in 1e9 bytes a second
    date: str
    command: str
    hgmma: int | None  #: wgmma instructions in the machine code; None without a disassembler
    utmaldg: int | None  #: TMA loads in the machine code
    plan_sha256: str | None = None  #: None also of records from before it was recorded


@dataclass(frozen=True)
class Case:
    """One product C[m, n] = A[m, k] * B[k, n], A of square blocks."""

    m: int
    n: int
    k: int
    block: int
    sparsity: float  #: as asked for
    density: float  #: as generated
    nnzb: int
    dtype: str
    layout: str
    pattern: str
    seed: int

    @property
    def dense_flop(self) -> float:
        return 2.0 * self.m * self.n * self.k

    @property
    def stored_flop(self) -> float:
        return 2.0 * self.nnzb * self.block**2 * self.n


@dataclass(frozen=True)
class Spread:
    """Milliseconds of isolated launches."""

    median: float
    p10: float
    p90: float
    min: float
    max: float | None
    count: int


@dataclass(frozen=True)
class Times:
    """Milliseconds of a launch, measured in several ways."""

    cold: Spread | None = None  #: isolated, L2 flushed before each launch (by writing in old records)
    warm: Spread | None = None  #: isolated, not flushed
    back_to_back: float | None = None  #: of many launches that follow each other, divided by their number
    host: float | None = None  #: the host's, to enqueue a launch; no part of the others


@dataclass(frozen=True)
class Error:
    """Against the oracle; None in the record where the output has a NaN.

    The largest difference, the relative Frobenius norm, and the bound that the difference must stay below.
    """

    max_diff: float
    relative: float
    bound: float


@dataclass(frozen=True)
class Clocks:
    """Medians while the case ran."""

    sm_mhz: float | None
    power_w: float | None
    throttle_reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    """One implementation on one case."""

    case: Case
    implementation: str
    status: Status
    reason: str | None  #: a sentence unless status is ok
    other_pattern: bool  #: another product, such as 2:4: shown, never compared
    time_ms: Times
    work: Work  #: what executed_tflops counts
    executed_tflops: float | None
    dense_equivalent_tflops: float | None
    error: Error | None
    clocks: Clocks | None
    kernel: str | None
    plan: str | None
    settings: str | None  #: of tuned peers; of ours only where a plan other than the default was forced
    setup_seconds: float | None = None  #: of planning, converting A, tuning: before the first launch

    @property
    def key(self) -> tuple[Case, str, str | None]:
        """What a later measurement of the same thing replaces."""
        return self.case, self.implementation, self.settings if self.implementation == OURS else None

    @property
    def executed_flop(self) -> float:
        return self.case.dense_flop if self.work == "dense" else self.case.stored_flop

    @property
    def warm_ms(self) -> float | None:
        """Median of isolated launches: the time that rates and comparisons are of."""
        return self.time_ms.warm.median if self.time_ms.warm else None


@dataclass(frozen=True)
class Results:
    """All records of one run, or of one run and those that resumed it."""

    environment: Environment
    options: dict
    records: tuple[Record, ...] = ()
    schema: str = SCHEMA
    source: str = field(default="", compare=False)  #: the file, for messages and headings; not written

    def with_records(self, records: tuple[Record, ...]) -> "Results":
        """Keep, of what was measured several times, the last; in the order of first measurement."""
        latest = {record.key: record for record in (*self.records, *records)}
        return replace(self, records=tuple(latest.values()))
