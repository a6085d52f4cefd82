"""The records of measurements: schema, reading with validation, and writing.

A results file is one JSON object: schema, environment, options and records. While a run goes on, a partial
file `<results>.partial.jsonl` holds the same as lines: the first is the object without its records, each
further line one record. `read_results` reads either; verdicts and pictures are made from what it returns.
"""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from ._from_json import RecordsError, decode, parse_json
from .io import _replacing

__all__ = [
    "Case",
    "Clocks",
    "Environment",
    "Error",
    "Record",
    "RecordsError",
    "Results",
    "Spread",
    "Times",
    "append_partial",
    "partial_path",
    "read_results",
    "start_partial",
    "write_results",
]

SCHEMA = "bsk.results/1"  #: changes whenever a field changes its name or meaning
OURS = "bsk"
_RATE_SLACK = 0.01  #: of a rate beside the one that follows from the time, for rounding in the file

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
    max: float
    count: int


@dataclass(frozen=True)
class Times:
    """Milliseconds of a launch, measured in three ways."""

    cold: Spread | None = None  #: isolated, L2 flushed before each launch
    warm: Spread | None = None  #: isolated, not flushed
    back_to_back: float | None = None  #: of many launches that follow each other, divided by their number


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


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read and check a results file or a partial file.

    Raises
    ------
    RecordsError
        Names the file, the record and what is wrong with it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordsError(f"{path} cannot be read: {error}.") from error
    if path.suffix == ".jsonl":
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # the line that was being written when the run ended
        if not lines:
            raise RecordsError(f"{path} is empty; expected the environment on its first line.")
        header = parse_json(lines[0], f"{path}, line 1,")
        entries = [parse_json(line, f"{path}, line {n},") for n, line in enumerate(lines[1:], start=2)]
    else:
        header = parse_json(text, str(path))
        entries = header.get("records") if isinstance(header, dict) else None
    schema = header.get("schema") if isinstance(header, dict) else None
    if schema != SCHEMA:
        raise RecordsError(f"{path} has the schema {schema!r}; this version reads {SCHEMA!r}. Measure again.")
    if not isinstance(entries, list):
        raise RecordsError(f"{path} lacks the list 'records'.")
    environment = decode(Environment, header.get("environment"), f"{path}: environment")
    records = []
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: record {number}{_named(entry)}"
        records.append(decode(Record, entry, where))
        _check(records[-1], where)
    options = decode(dict, header.get("options"), f"{path}: options")
    return Results(environment, options, source=str(path)).with_records(tuple(records))


def write_results(results: Results, path: Path) -> None:
    """Write a results file; whoever reads meanwhile sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(path) as temporary:
        content = {**_header(results), "records": [asdict(record) for record in results.records]}
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def partial_path(path: Path) -> Path:
    """Where the records of an unfinished run for the results file `path` are kept."""
    return path.with_name(path.name + ".partial.jsonl")


def start_partial(results: Results, path: Path) -> None:
    """Write a partial file with the records there are."""
    with _replacing(path) as temporary:
        lines = [_header(results), *(asdict(record) for record in results.records)]
        temporary.write_text(
            "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines), encoding="utf-8"
        )


def append_partial(record: Record, path: Path) -> None:
    """Add one record to a partial file that `start_partial` wrote; on the disk when this returns."""
    line = json.dumps(asdict(record), allow_nan=False) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _header(results: Results) -> dict:
    return {
        "schema": results.schema,
        "environment": asdict(results.environment),
        "options": results.options,
    }


def _named(entry: object) -> str:
    """Implementation and size for messages, as far as the entry has them."""
    if not isinstance(entry, dict) or not isinstance(entry.get("case"), dict):
        return ""
    case = entry["case"]
    return f" ({entry.get('implementation')}, m = {case.get('m')}, block {case.get('block')})"


def _check(record: Record, where: str) -> None:
    """Refuse records that contradict themselves."""
    case = record.case
    if min(case.m, case.n, case.k, case.block) <= 0 or not 0 <= case.density <= 1:
        raise RecordsError(f"{where} has sizes or a density out of range: {case}.")
    if abs(case.density - case.stored_flop / case.dense_flop) > _RATE_SLACK:
        raise RecordsError(f"{where} has the density {case.density}, which does not follow from its blocks.")
    for spread in (record.time_ms.cold, record.time_ms.warm):
        if spread and not 0 < spread.min <= spread.p10 <= spread.median <= spread.p90 <= spread.max:
            raise RecordsError(f"{where} has times out of order; expected 0 < min <= p10 <= ...: {spread}.")
    if record.status != "ok":
        if not record.reason:
            raise RecordsError(f"{where} is {record.status} without a reason.")
        return
    if record.warm_ms is None or record.error is None:
        raise RecordsError(f"{where} is ok without {'an error' if record.warm_ms else 'a warm time'}.")
    if record.error.max_diff >= record.error.bound:
        raise RecordsError(f"{where} is ok with {record.error}; expected status wrong.")
    rates = {"executed_tflops": record.executed_flop, "dense_equivalent_tflops": case.dense_flop}
    for name, flop in rates.items():
        rate, follows = getattr(record, name), flop / record.warm_ms / 1e9
        if rate is None or abs(rate - follows) > _RATE_SLACK * follows:
            raise RecordsError(f"{where} gives {name} {rate}; {follows:.4g} follows from its warm median.")
