"""What is said of a case, and of a run, when it is done."""

from collections.abc import Sequence

from ..records import OURS, Record, Results


def summary(records: Sequence[Record]) -> str:
    """One line: the library's time and rates, then each peer's time over ours."""
    ours = next((record for record in records if record.implementation == OURS), None)
    parts = []
    for record in records:
        if record.status != "ok" or record.warm_ms is None:
            continue
        if record is ours:
            parts.append(
                f"{OURS} {record.warm_ms:.3f} ms, {record.executed_tflops:.4g} executed TFLOP/s "
                f"({record.dense_equivalent_tflops:.4g} dense-equivalent)"
            )
            continue
        name = f"{OURS} with {record.settings}" if record.implementation == OURS else record.implementation
        if record.other_pattern or ours is None or ours.status != "ok":
            parts.append(f"{name} {record.warm_ms:.3f} ms")
        else:
            parts.append(f"{name} {record.warm_ms / ours.warm_ms:.2f}x")
    return "; ".join(parts) or "nothing could be measured"


def setting_up(records: Sequence[Record]) -> str:
    """How long planning, converting and tuning took together, and for whom it took longest."""
    timed = [record for record in records if record.setup_seconds is not None]
    if not timed:
        return "nothing was set up"
    longest = max(timed, key=lambda record: record.setup_seconds)
    total = sum(record.setup_seconds for record in timed)
    return (
        f"{total:.1f} s of it for setting up, longest {longest.implementation}, {longest.setup_seconds:.1f} s"
    )


def best_rate(results: Results) -> str:
    """The library's highest executed rate, in words, for the end of a run."""
    ours = [record for record in results.records if record.implementation == OURS and record.executed_tflops]
    if not ours:
        return "The library itself was not measured."
    best = max(ours, key=lambda record: record.executed_tflops)
    case = best.case
    return (
        f"Highest rate of this library: {best.executed_tflops:.4g} executed TFLOP/s "
        f"({best.dense_equivalent_tflops:.4g} dense-equivalent) at {case.m} x {case.n} x {case.k}, "
        f"block {case.block}, density {case.density:.3f}."
    )
