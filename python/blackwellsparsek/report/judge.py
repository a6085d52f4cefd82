"""Verdicts on criteria from records, each with the records behind it."""

import operator
import re
from dataclasses import dataclass, replace
from typing import Literal

from ..records import OURS, Record, Results
from .criteria import Criteria, Criterion, Level
from .names import case_name, implementation_name
from .selection import matching, of_case, ours, speedup, why_absent

Outcome = Literal["met", "not met", "not measured"]
UNKNOWN_BUILD = "unknown"  #: what records say of architectures that could not be found out
NO_RECORD = "no record of this library on that case"
COMPARE = {">=": operator.ge, ">": operator.gt, "<": operator.lt, "==": operator.eq}
SIGNS = {">=": "≥", ">": ">", "<": "<", "==": "=", "contains": "contains"}


@dataclass(frozen=True)
class Verdict:
    """One criterion, against one peer where it has peers."""

    criterion: Criterion
    outcome: Outcome
    found: str  #: the figure, or why there is none
    evidence: tuple[str, ...]  #: the records behind it, in words
    peer: str | None = None
    value: float | None = None
    counts: bool = True  #: whether it decides about the level

    @property
    def title(self) -> str:
        if self.peer is None:
            return self.criterion.title
        return f"× {implementation_name(self.peer)}"

    @property
    def wanted(self) -> str:
        limit = self.criterion.text or f"{self.criterion.value:g}"
        return f"{SIGNS[self.criterion.comparator]} {limit}"


@dataclass(frozen=True)
class Judgement:
    """The verdicts of one results file."""

    results: Results
    levels: tuple[tuple[Level, tuple[Verdict, ...]], ...]
    applies: bool  #: whether the criteria are about this GPU

    def outcome_of(self, name: str) -> Outcome:
        """Not met if one criterion is not; else not measured if one is not measured."""
        verdicts = next(verdicts for level, verdicts in self.levels if level.name == name)
        outcomes = {verdict.outcome for verdict in verdicts if verdict.counts}
        return next(o for o in ("not met", "not measured", "met") if o in outcomes)

    @property
    def decision(self) -> Literal["GO", "NO-GO", "INCOMPLETE"]:
        if not self.applies:
            return "INCOMPLETE"
        return {"met": "GO", "not met": "NO-GO", "not measured": "INCOMPLETE"}[self.outcome_of("minimum")]

    @property
    def exit_code(self) -> int:
        return {"GO": 0, "NO-GO": 1, "INCOMPLETE": 2}[self.decision]


def judge(results: Results, criteria: Criteria) -> Judgement:
    """Judge every criterion of every level."""
    levels = tuple(
        (level, tuple(v for criterion in level.criteria for v in _judge_one(results, criteria, criterion)))
        for level in criteria.levels
    )
    applies = results.environment.compute_capability == criteria.compute_capability
    return Judgement(results, levels, applies)


def describe(results: Results, record: Record) -> str:
    """One record as evidence: where it stands in the file, what it is, its time and spread."""
    number = results.records.index(record) + 1
    text = f"record {number}: {implementation_name(record.implementation)}, {case_name(record.case)}"
    if record.status != "ok":
        return f"{text}: {record.status}, {record.reason}"
    warm = record.time_ms.warm
    launches = "launch" if warm.count == 1 else "launches"
    spread = f"p10 {warm.p10:.4g}, p90 {warm.p90:.4g}, {warm.count} {launches}"
    text += f": {warm.median:.4g} ms ({spread})"
    return text if record.error is None else f"{text}, max_diff {record.error.max_diff:.2g}"


def _judge_one(results: Results, criteria: Criteria, criterion: Criterion) -> list[Verdict]:
    if criterion.metric == "built_for":
        return [_built_for(results, criterion)]
    if criterion.metric == "own_errors":
        return [_own_errors(results, criterion)]
    records = matching(ours(results), criteria.cases[criterion.case])
    if criterion.metric == "speedup":
        verdicts = [_speedup(results, criterion, records, peer) for peer in criterion.peers]
        verdicts.sort(key=lambda v: float("inf") if v.value is None else v.value)
        return _with_deciding(criterion, verdicts)
    if not records:
        return [_unmeasured(criterion, NO_RECORD)]
    return [_figure(results, criterion, records)]


def _with_deciding(criterion: Criterion, verdicts: list[Verdict]) -> list[Verdict]:
    """Let only the first peer of `decides` that was measured count, or the first where none was."""
    if not criterion.decides:
        return verdicts
    measured = {verdict.peer for verdict in verdicts if verdict.outcome != "not measured"}
    deciding = next((peer for peer in criterion.decides if peer in measured), criterion.decides[0])
    return [replace(verdict, counts=verdict.peer == deciding) for verdict in verdicts]


def _built_for(results: Results, criterion: Criterion) -> Verdict:
    environment = results.environment
    found = environment.architectures
    counted = environment.hgmma is not None and environment.utmaldg is not None
    evidence = (
        f"environment: machine code holds {environment.hgmma} wgmma and {environment.utmaldg} TMA loads"
        if counted
        else "environment: no disassembler looked at the machine code"
    )
    if found == UNKNOWN_BUILD and not counted:
        return _unmeasured(criterion, "the records do not say what was built")
    listed = criterion.text in re.split(r"[;, ]+", found.replace("-real", ""))
    holds = not counted or min(environment.hgmma, environment.utmaldg) > 0
    met = holds and (listed or found == UNKNOWN_BUILD)
    return Verdict(criterion, "met" if met else "not met", f"built for {found}", (evidence,))


def _own_errors(results: Results, criterion: Criterion) -> Verdict:
    records = [record for record in results.records if record.implementation == OURS]
    ran = [record for record in records if record.status == "ok"]
    errors = [record for record in records if record.status in ("wrong", "failed")]
    if not ran and not errors:
        return _unmeasured(criterion, "no case of this library ran")
    count = len({record.case for record in [*ran, *errors]})
    found = f"{len(errors)} of {len(ran) + len(errors)} products failed or were wrong, in {count} cases"
    evidence = tuple(describe(results, record) for record in errors)
    evidence = evidence or ("every record of this library was right, or says why it was skipped",)
    met = COMPARE[criterion.comparator](len(errors), criterion.value)
    return Verdict(criterion, "met" if met else "not met", found, evidence, value=len(errors))


def _figure(results: Results, criterion: Criterion, records: list[Record]) -> Verdict:
    """Executed rate or error; of several records (seeds, say) the least flattering."""
    evidence = tuple(describe(results, record) for record in records)
    bad = next((r for r in records if r.status in ("wrong", "failed")), None)
    if bad is not None:
        return Verdict(criterion, "not met", f"{bad.status}: {bad.reason}", evidence)
    measured = [record for record in records if record.status == "ok"]
    if not measured:
        return _unmeasured(criterion, why_absent(records[0]))
    if criterion.metric == "max_diff":
        errors = [record.error.max_diff for record in measured if record.error is not None]
        if not errors:
            return _unmeasured(criterion, "the records hold no error against an oracle")
        value = max(errors)
        found = f"{value:.2g}"
    else:
        worst = min(measured, key=lambda record: record.executed_tflops)
        value, warm = worst.executed_tflops, worst.time_ms.warm
        low, high = (value * warm.median / time for time in (warm.p90, warm.p10))
        found = f"{value:.0f} (p10 to p90: {low:.0f} to {high:.0f})"
        if low < criterion.value <= high:
            found += "; the spread reaches over the limit"
        evidence += _other_blocks(results, worst)
    met = COMPARE[criterion.comparator](value, criterion.value)
    return Verdict(criterion, "met" if met else "not met", found, evidence, value=value)


def _speedup(results: Results, criterion: Criterion, records: list[Record], peer: str) -> Verdict:
    if not records:
        return _unmeasured(criterion, NO_RECORD, peer)
    pairs = [(own, of_case(results, own.case).get(peer)) for own in records]
    ratios = [(ratio, own, other) for own, other in pairs if (ratio := speedup(own, other)) is not None]
    if not ratios:
        own, other = pairs[0]
        reason = why_absent(other) if own.status == "ok" else f"this library: {why_absent(own)}"
        return _unmeasured(criterion, reason, peer)
    value, own, other = min(ratios, key=lambda entry: entry[0])
    met = COMPARE[criterion.comparator](value, criterion.value)
    evidence = (describe(results, own), describe(results, other))
    return Verdict(criterion, "met" if met else "not met", f"{value:.2f}×", evidence, peer, value)


def _other_blocks(results: Results, record: Record) -> tuple[str, ...]:
    """The same product with other block sizes, so that the best one does not stand alone."""
    same = ("m", "n", "k", "sparsity", "dtype", "layout", "pattern")
    wanted = {name: getattr(record.case, name) for name in same}
    alike = [
        other
        for other in matching(ours(results), wanted)
        if other.status == "ok" and other.case.block != record.case.block
    ]
    rates = ", ".join(
        f"block {other.case.block}: {other.executed_tflops:.0f}"
        for other in sorted(alike, key=lambda other: -other.case.block)
    )
    return (f"other block sizes, not judged: {rates} executed TFLOP/s",) if rates else ()


def _unmeasured(criterion: Criterion, reason: str, peer: str | None = None) -> Verdict:
    return Verdict(criterion, "not measured", reason, (), peer)
