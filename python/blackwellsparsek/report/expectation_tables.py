"""Tables of what was projected, expected or measured before, beside what these records hold."""

from ..records import Record, Results
from .criteria import Criteria, EarlierFigures
from .names import implementation_name, short_gpu_name
from .selection import default_records, matching, ours
from .tables import NONE, Table, milliseconds, rate


def projections_table(results: Results, criteria: Criteria) -> Table:
    """What the plan expected, beside what this GPU did where it is the same chip."""
    header = (
        *("case", "projected for", "TFLOP/s projected", "executed here", "dense-equivalent here"),
        *("ms projected", "ms here"),
    )
    rows = []
    environment = results.environment
    for projection in criteria.projections:
        same_gpu = projection.gpu == short_gpu_name(environment.gpu)
        same_chip = environment.compute_capability == criteria.compute_capability
        comparable = same_gpu or (same_chip and projection.gpu in criteria.chip.name)
        found = [r for r in matching(ours(results), criteria.cases[projection.case]) if r.status == "ok"]
        here = min(found, key=lambda r: r.executed_tflops) if found and comparable else None
        rows.append(
            (
                size_of(criteria, projection.case),
                projection.gpu,
                span(projection.tflops),
                rate(here.executed_tflops) if here else NONE,
                rate(here.dense_equivalent_tflops) if here else NONE,
                span(projection.time_ms) if projection.time_ms else NONE,
                milliseconds(here.warm_ms) if here else NONE,
            )
        )
    return Table(header, tuple(rows))


def baselines_table(results: Results, criteria: Criteria) -> Table:
    """The rates that the plan expected of peers, beside those measured on the headline case."""
    rows = []
    for baseline in criteria.baselines:
        alike = matching(default_records(results), criteria.cases["headline"])
        found = [r for r in alike if r.implementation == baseline.implementation and r.status == "ok"]
        measured = rate(found[0].executed_tflops) if found else "not measured"
        rows.append((baseline.name, f"{baseline.tflops:g}", measured))
    return Table(("peer", "expected TFLOP/s", "executed TFLOP/s here"), tuple(rows))


def reproduction_table(results: Results, criteria: Criteria) -> Table:
    """Times of peers that were measured before, beside those of this run.

    Of figures that counted the host's time, the share counts it too.
    """
    wanted = criteria.reproduction
    product = {name: value for name, value in criteria.cases[wanted.case].items() if name != "block"}
    rows = []
    measured = [record for record in default_records(results) if record.status == "ok"]
    for earlier in wanted.figures:
        alike = [record for record in measured if record.implementation == earlier.implementation]
        for block, before in zip(earlier.blocks, earlier.ms, strict=True):
            of_block = {} if block is None else {"block": block}
            found = next(iter(matching(alike, {**product, **of_block})), None)
            name = implementation_name(earlier.implementation)
            rows.append(
                (name, str(block or NONE), f"{before:g}", *_again(found, before, earlier, wanted.within))
            )
    header = ("peer", "block", "ms before", "ms here", "host's ms a launch", "here over before")
    return Table((*header, f"within {wanted.within:.0%}, or why not"), tuple(rows))


def _again(record: Record | None, before: float, earlier: EarlierFigures, within: float) -> tuple[str, ...]:
    """Cells of what was measured again: its times, their share of the time before, and what to say of it."""
    if record is None:
        return NONE, NONE, NONE, "not measured"
    host = record.time_ms.host
    counted = record.warm_ms + (host or 0.0 if earlier.host_counted else 0.0)
    share = counted / before
    verdict = "yes" if abs(share - 1) <= within else earlier.difference
    return milliseconds(record.warm_ms), milliseconds(host) if host else NONE, f"{share:.2f}", verdict


def size_of(criteria: Criteria, name: str) -> str:
    """Size and sparsity of one of the cases of the criteria."""
    wanted = criteria.cases[name]
    return f"{wanted['m']}³ at {wanted['sparsity']:.0%} sparsity"


def span(values: tuple[float, ...]) -> str:
    """One figure, or the first and the last."""
    return f"{values[0]:g}" if values[0] == values[-1] else f"{values[0]:g} to {values[-1]:g}"
