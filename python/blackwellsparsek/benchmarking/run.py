"""All cases of a run: recorded one by one, so that whatever ends it, what was measured is kept."""

import gc
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ..records import (
    Record,
    Results,
    append_partial,
    partial_path,
    read_results,
    start_partial,
    write_results,
)
from .alternatives import ALTERNATIVES
from .cases import CaseSpec
from .environment import InstructionCount, command_line, gather
from .estimate import expected_seconds
from .implementations import Implementation
from .one_case import CaseRunner
from .progress import Progress
from .summary import setting_up, summary

_KNOWN_WARNINGS = (
    "Sparse (BSR|CSR) tensor support is in beta",
    "Sparse invariant checks are implicitly disabled",
    "bsr_dense_addmm uses non-optimal triton kernel parameters",
    r"torch\._cslt_sparse_mm_search is deprecated",
)
#: Of environments whose records may stand in one file; how a message puts what differs.
_MUST_AGREE = {
    "gpu": "on",
    "kernels_sha256": "with kernel sources",
    "plan_sha256": "with the plan's sources",
    "torch": "with PyTorch",
}
_DISASSEMBLY_SECONDS = 20  #: for which the end of a run waits


@dataclass(frozen=True)
class Options:
    """What a run is asked for."""

    specs: Sequence[CaseSpec]
    implementations: Mapping[str, type[Implementation]]  #: this library's first
    device: torch.device
    iterations: int
    seconds_per_case: float
    output: Path
    resume: bool
    recorded: dict  #: the flags, as the results file keeps them


class CannotResume(Exception):
    """What was measured before does not go with this run; the message says why."""


def run(options: Options) -> Results:
    """Measure what is not measured yet; the results file is written anew after each case.

    Whatever ends the run, the results file holds the finished cases, and the partial file beside it lets
    --resume go on. The case that was interrupted is measured anew then.
    """
    for message in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    partial = partial_path(options.output)
    if partial.exists() and not options.resume:
        raise CannotResume(
            f"{partial} holds the records of an unfinished run; go on with --resume, or delete it."
        )
    results = Results(gather(options.device, command_line()), options.recorded)
    if options.resume:
        results = _resumed(results, partial if partial.exists() else options.output)
    gc.freeze()  # what imports made stays: searching it after each case would take 0.2 s
    instructions = InstructionCount(options.device)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    start_partial(results, partial)
    try:
        for records in _measured(options, results.records):
            for record in records:
                append_partial(record, partial)
            environment = instructions.added_to(results.environment)
            results = replace(results, environment=environment).with_records(tuple(records))
            write_results(results, options.output)
        environment = instructions.added_to(results.environment, _DISASSEMBLY_SECONDS)
        results = replace(results, environment=environment)
        write_results(results, options.output)
    finally:
        instructions.stop()
    partial.unlink()
    return results


def _measured(options: Options, known: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records of each case that is not complete in `known`."""
    todo = [spec for spec in options.specs if not _is_complete(spec, options.implementations, known)]
    runner = CaseRunner(
        options.implementations,
        options.device,
        options.iterations,
        options.seconds_per_case,
        known,
        ALTERNATIVES,
    )
    told: set[tuple[str, str]] = set()
    expected = expected_seconds(todo, len(options.implementations), options.seconds_per_case, options.device)
    with Progress(len(todo), len(options.specs) - len(todo), expected) as progress:
        for spec in todo:
            progress.start(str(spec))
            begin = time.monotonic()
            records = runner.run(spec)
            seconds = time.monotonic() - begin
            yield records
            news = [record for record in records if record.reason and _news(record) not in told]
            told |= {_news(record) for record in news}
            lines = [f"{r.implementation} {r.status}: {r.reason}" for r in news]
            progress.finish([summary(records), *lines, f"{seconds:.1f} s, {setting_up(records)}"])


def _news(record: Record) -> tuple[str, str]:
    return record.implementation, record.reason or ""


def _is_complete(
    spec: CaseSpec, implementations: Mapping[str, type[Implementation]], known: Sequence[Record]
) -> bool:
    needed = {name for name, kind in implementations.items() if not kind.optional}
    return needed <= {record.implementation for record in known if spec.is_of(record.case)}


def _resumed(results: Results, path: Path) -> Results:
    """`results` with the records of `path`, which must be of this device and these kernels."""
    if not path.exists():
        return results
    before = read_results(path)
    for name, words in _MUST_AGREE.items():
        old, new = getattr(before.environment, name), getattr(results.environment, name)
        if old != new:
            raise CannotResume(
                f"{path} was measured {words} {old}, and this is {new}: measure into another --output."
            )
    counts = {name: getattr(before.environment, name) for name in ("hgmma", "utmaldg")}
    environment = replace(results.environment, **counts)
    return replace(results, environment=environment).with_records(before.records)
