"""The go / no-go criteria and the projections, as data: benchmarks/criteria.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..records import RecordsError
from ..records.decode import decode, parse_json

SCHEMA = "bsk.criteria/1"

Metric = Literal["built_for", "own_errors", "executed_tflops", "max_diff", "speedup"]
Comparator = Literal[">=", ">", "<", "==", "contains"]


@dataclass(frozen=True)
class Criterion:
    """One thing to be met."""

    id: str
    title: str
    metric: Metric
    comparator: Comparator
    why: str
    value: float | None = None
    text: str | None = None  #: for `contains`
    case: str | None = None
    peers: tuple[str, ...] = ()  #: each is judged
    decides: tuple[str, ...] = ()  #: the first of these that was measured decides; none: every peer does


@dataclass(frozen=True)
class Level:
    """Criteria that are met together or not."""

    name: str
    meaning: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Chip:
    """What the chip that the criteria are about can do."""

    name: str
    dense_fp16_tflops: float
    tensor_flop_per_clock_and_sm: float
    source: str


@dataclass(frozen=True)
class Projection:
    """What the plan expected of a GPU; ranges are [low, high]."""

    gpu: str
    case: str
    tflops: tuple[float, ...]
    dram_gb_per_s: float | None
    time_ms: tuple[float, ...] | None
    note: str = ""


@dataclass(frozen=True)
class Baseline:
    """The rate that the plan expected of a peer."""

    name: str
    implementation: str | None
    tflops: float


@dataclass(frozen=True)
class EarlierFigures:
    """Milliseconds of a peer for each block size, measured before."""

    implementation: str
    blocks: tuple[int | None, ...]  #: None: the product is the same for all
    ms: tuple[float, ...]
    host_counted: bool = False  #: whether the host's time to enqueue a launch is part of them
    difference: str = "not explained"  #: why a new figure may be another one


@dataclass(frozen=True)
class Reproduction:
    """Figures that a run is to measure again on the same product, and how close it should come."""

    case: str
    source: str
    within: float
    figures: tuple[EarlierFigures, ...]


@dataclass(frozen=True)
class Criteria:
    """The whole file."""

    compute_capability: str
    chip: Chip
    cases: dict  #: name to the fields of a case that must match
    levels: tuple[Level, ...]
    projections: tuple[Projection, ...]
    baselines: tuple[Baseline, ...]
    reproduction: Reproduction

    def find(self, id: str) -> Criterion:
        return next(c for level in self.levels for c in level.criteria if c.id == id)


def read_criteria(path: Path) -> Criteria:
    """Read and check the file.

    Raises
    ------
    RecordsError
        Says what is wrong with it.
    """
    try:
        data = parse_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise RecordsError(f"{path} cannot be read: {error}. Pass --criteria.") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise RecordsError(f"{path} has the schema {schema!r}; expected {SCHEMA!r}.")
    criteria = decode(Criteria, data, str(path))
    for level in criteria.levels:
        for criterion in level.criteria:
            if criterion.case is not None and criterion.case not in criteria.cases:
                raise RecordsError(f"{path}: {criterion.id} names the unknown case {criterion.case!r}.")
    return criteria
