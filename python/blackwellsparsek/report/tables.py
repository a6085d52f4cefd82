"""The tables of the report, as text cells; the templates draw them as Markdown and HTML."""

from collections import Counter
from dataclasses import dataclass

from ..records import OURS, Case, Record, Results, Spread
from .comparison import Comparison
from .names import (
    case_name,
    dtype_name,
    implementation_name,
    layout_name,
    order_of,
)
from .profile import Profile
from .selection import cases, default_records, of_case, speedup
from .staleness import Published

NONE = "-"
ONCE = "†"  #: behind a figure that rests on a single launch of ours or of the peer
SHARES = ("executed share of cuBLAS's dense rate", "that share back to back")
UNJUDGED_RATE = "cublas_dense_random"  #: cuBLAS's rate on data without zeros, which take less power


@dataclass(frozen=True)
class Table:
    """A heading row and rows of as many cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return "\n".join("| " + " | ".join(map(_markdown_cell, row)) + " |" for row in lines)

    def without(self, *headings: str) -> "Table":
        """The same without the columns of these headings that hold one value throughout."""
        columns = list(zip(self.header, *self.rows, strict=True))
        kept = [column for column in columns if column[0] not in headings or len(set(column[1:])) > 1]
        header, *rows = zip(*kept, strict=True)
        return Table(header, tuple(rows))


def _markdown_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def cases_table(results: Results, chosen: list[Case]) -> Table:
    """Ours on each case with the speed-up over every peer: one row a case."""
    runs = [of_case(results, case) for case in chosen]
    peers = sorted(
        {name for run in runs for name, r in run.items() if r.implementation != OURS}, key=order_of
    )
    judged = [name for name in peers if not all(run[name].other_pattern for run in runs if name in run)]
    header = (
        *("m×n×k", "block", "density", "dtype", "layout", "median ms", "cold ms", "executed TFLOP/s"),
        "dense-equivalent TFLOP/s",
        *(SHARES if UNJUDGED_RATE in peers else ()),
        *(f"× {implementation_name(name)}" for name in judged),
    )
    rows = tuple(_case_row(run, judged, UNJUDGED_RATE in peers) for run in runs if OURS in run)
    return Table(header, rows)


def _case_row(run: dict[str, Record], peers: list[str], with_share: bool) -> tuple[str, ...]:
    own = run[OURS]
    case = own.case
    figures = (NONE,) * 4
    if own.status == "ok":
        cold = own.time_ms.cold
        figures = (
            milliseconds(own.warm_ms),
            milliseconds(cold.median) if cold else NONE,
            rate(own.executed_tflops),
            rate(own.dense_equivalent_tflops),
        )
    return (
        f"{case.m}×{case.n}×{case.k}",
        str(case.block),
        f"{case.density:.2f}",
        dtype_name(case.dtype),
        layout_name(case.layout),
        *figures,
        *(_shares(own, run.get(UNJUDGED_RATE)) if with_share else ()),
        *(ratio(own, run.get(name)) for name in peers),
    )


def _shares(own: Record, dense: Record | None) -> tuple[str, str]:
    """Executed rate over cuBLAS's dense rate, isolated and back to back."""
    if own.status != "ok" or dense is None or dense.status != "ok":
        return NONE, NONE
    flop = own.executed_flop / dense.executed_flop
    isolated = flop * dense.warm_ms / own.warm_ms
    if own.time_ms.back_to_back is None or dense.time_ms.back_to_back is None:
        return f"{isolated:.2f}{_once(own, dense)}", NONE
    return (
        f"{isolated:.2f}{_once(own, dense)}",
        f"{flop * dense.time_ms.back_to_back / own.time_ms.back_to_back:.2f}",
    )


def ratio(own: Record | None, peer: Record | None) -> str:
    """The speed-up as a cell."""
    value = speedup(own, peer)
    return NONE if value is None else f"{value:.2f}{_once(own, peer)}"


def _once(own: Record, other: Record) -> str:
    """The mark of what has no spread."""
    return ONCE if 1 in (own.time_ms.warm.count, other.time_ms.warm.count) else ""


def with_range(spread: Spread) -> str:
    """A median as a cell, with its spread where there is one."""
    if spread.count == 1:
        return f"{milliseconds(spread.median)} (one launch)"
    return f"{milliseconds(spread.median)} ({milliseconds(spread.p10)} to {milliseconds(spread.p90)})"


def milliseconds(value: float) -> str:
    """Three decimals; four of less than a tenth."""
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}"


def environment_table(results: Results) -> Table:
    """Where and how the records were measured."""
    environment = results.environment
    rows = []
    for name, value in vars(environment).items():
        text = "not known" if value is None else f"{value:,.0f}" if isinstance(value, float) else str(value)
        rows.append((name.replace("_", " "), text))
    options = ", ".join(f"{name} {value}" for name, value in results.options.items())
    return Table(("", ""), (*rows, ("options", options or "none")))


def profile_tables(profile: Profile) -> tuple[Table, Table]:
    """Figures beside the plan's expectations for an H100, and what warps waited for."""
    figures = Table(("figure", "measured", "expected of an H100", "why"), tuple(profile.figures()))
    stalls = Table(("stall reason", "share of waiting", "meaning"), tuple(profile.stalls()))
    return figures, stalls


def rate(tflops: float) -> str:
    """Whole TFLOP/s; three digits of small rates."""
    return f"{tflops:.0f}" if tflops >= 10 else f"{tflops:.3g}"


def unmeasured_table(results: Results) -> Table:
    """What did not run or was wrong, with its reason; alike cases counted together."""
    found = Counter(
        (r.implementation, r.status, r.reason) for r in default_records(results) if r.status != "ok"
    )
    rows = tuple(
        (implementation_name(name), status, str(count), reason)
        for (name, status, reason), count in sorted(found.items(), key=lambda e: (e[0][1], order_of(e[0][0])))
    )
    return Table(("implementation", "status", "cases", "reason"), rows)


def staleness_table(published: list[Published]) -> Table:
    """Which files of records are of the present kernels and plan."""
    rows = tuple((str(entry.path), *entry.states.values()) for entry in published)
    return Table(("file", "kernels", "plan"), rows)


def comparison_table(comparison: Comparison) -> Table:
    """Each measurement that both runs hold, and what may be said of the second."""
    header = ("case", "implementation", "A: ms (p10 to p90)", "B: ms (p10 to p90)", "B is × as fast", "B is")
    order = {case: index for index, case in enumerate(cases(comparison.before))}
    pairs = sorted(comparison.pairs, key=lambda p: (order[p.case], order_of(p.implementation)))
    rows = tuple(
        (
            case_name(pair.case),
            implementation_name(pair.implementation),
            with_range(pair.before),
            with_range(pair.after),
            f"{pair.ratio:.3f}",
            pair.finding,
        )
        for pair in pairs
    )
    return Table(header, rows)
