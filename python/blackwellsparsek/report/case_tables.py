"""Tables of everything that was measured on one case; the templates draw them as Markdown and HTML."""

from ..records import OURS, Case, Record, Results
from .comparison import NEGLIGIBLE
from .names import case_name, implementation_name
from .selection import alternatives, of_case, ours
from .tables import NONE, Table, milliseconds, rate, ratio, with_range


def implementations_table(results: Results, case: Case) -> Table:
    """Times cold, warm and back to back, rates and error of every implementation."""
    run = of_case(results, case)
    header = (
        *("implementation", "warm ms (p10 to p90)", "launches", "cold ms", "back to back ms"),
        *("executed TFLOP/s", "dense-equivalent TFLOP/s", "ours is × as fast", "max_diff"),
    )
    return Table(header, tuple(_implementation_row(record, run.get(OURS)) for record in run.values()))


def _implementation_row(record: Record, own: Record | None) -> tuple[str, ...]:
    name = implementation_name(record.implementation)
    if record.other_pattern:
        name += " (another product)"
    if record.status != "ok":
        return (name, f"{record.status}: {record.reason}", *(NONE,) * 7)
    times = record.time_ms
    return (
        name,
        with_range(times.warm),
        str(times.warm.count),
        milliseconds(times.cold.median) if times.cold else NONE,
        milliseconds(times.back_to_back) if times.back_to_back else NONE,
        rate(record.executed_tflops) + (" of dense work" if record.work == "dense" else ""),
        rate(record.dense_equivalent_tflops),
        NONE if record.implementation == OURS else ratio(own, record),
        f"{record.error.max_diff:.1e}" if record.error else NONE,
    )


def settings_table(results: Results, case: Case) -> Table:
    """Error of each implementation, its settings, and the time that is no part of a launch's.

    That is of planning, converting A and tuning once, and of the host for each launch.
    """
    rows = tuple(
        (
            implementation_name(record.implementation),
            f"{record.error.relative:.1e}" if record.error else NONE,
            NONE if record.setup_seconds is None else f"{record.setup_seconds:.2f}",
            NONE if record.time_ms.host is None else milliseconds(record.time_ms.host),
            record.settings or (record.kernel if record.implementation == OURS else None) or NONE,
        )
        for record in of_case(results, case).values()
        if record.error or record.settings
    )
    return Table(("implementation", "relative error", "s to set up", "host's ms a launch", "settings"), rows)


def alternatives_table(results: Results, case: Case) -> Table:
    """What our plan chose beside what it could have chosen, the fastest first; empty without alternatives."""
    own = of_case(results, case).get(OURS)
    measured = [record for record in alternatives(results, case) if record.status == "ok"]
    if own is None or own.status != "ok" or not measured:
        return Table((), ())
    rows = tuple(
        (
            record.settings or f"the plan's choice, {record.kernel}",
            with_range(record.time_ms.warm),
            f"{record.warm_ms / own.warm_ms:.2f}",
        )
        for record in sorted([own, *measured], key=lambda record: record.warm_ms)
    )
    return Table(("our kernel", "warm ms (p10 to p90)", "time over the choice's"), rows)


def choices_sentence(results: Results) -> str:
    """How often the plan took the fastest of those measured; empty without alternatives."""
    losses = []
    for own in (record for record in ours(results) if record.status == "ok"):
        others = [other for other in alternatives(results, own.case) if other.status == "ok"]
        if others:
            best = min(others, key=lambda other: other.warm_ms)
            losses.append((own.warm_ms / best.warm_ms, best))
    if not losses:
        return ""
    worst, best = max(losses, key=lambda loss: loss[0])
    right = sum(loss <= 1 + NEGLIGIBLE for loss, _ in losses)
    text = (
        f"Of our kernels that were measured the plan took the fastest, or one within {NEGLIGIBLE:.0%} of it, "
        f"in {right} of {len(losses)} cases"
    )
    if right == len(losses):
        return f"{text}."
    return f"{text}; at worst {best.settings} was {worst:.2f} times as fast, {case_name(best.case)}."


def appendices(results: Results, case: Case) -> list[Table]:
    """The tables beside the implementations that hold something."""
    candidates = (alternatives_table(results, case), settings_table(results, case))
    return [table for table in candidates if table.rows]


def clocks_sentence(results: Results, case: Case) -> str:
    """Clock, power and what held the clock down while the case ran; empty where NVML did not answer."""
    clocks = next((r.clocks for r in of_case(results, case).values() if r.clocks is not None), None)
    if clocks is None:
        return ""
    parts = [f"{clocks.sm_mhz:.0f} MHz"] if clocks.sm_mhz else []
    parts += [f"{clocks.power_w:.0f} W"] if clocks.power_w else []
    reasons = ", ".join(clocks.throttle_reasons)
    parts.append(f"held down by {reasons}" if reasons else "not throttled")
    return "Under load: " + ", ".join(parts) + "."
