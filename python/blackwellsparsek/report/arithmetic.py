"""Arithmetic on cases and projections that the report shows, so that nobody has to believe it."""

from dataclasses import dataclass

from ..records import Case, Results
from .criteria import Chip, Criteria, Projection

_ELEMENT_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
_INDEX_BYTES = 4


def least_bytes(case: Case) -> float:
    """Bytes that must pass through DRAM: stored blocks, indices and B read once, C written once."""
    element = _ELEMENT_BYTES.get(case.dtype, 2)
    blocks = case.nnzb * (case.block**2 * element + _INDEX_BYTES)
    return blocks + element * (case.k * case.n + case.m * case.n)


def expected_case(criteria: Criteria, name: str) -> Case:
    """A case of the criteria with exactly the density asked for."""
    wanted = criteria.cases[name]
    density = 1 - wanted["sparsity"]
    nnzb = round(density * wanted["m"] * wanted["k"] / wanted["block"] ** 2)
    return Case(**wanted, density=density, nnzb=nnzb, seed=0)


@dataclass(frozen=True)
class Roof:
    """What a chip allows: the tensor rate, and above which FLOP a byte memory no longer bounds."""

    tflops: float
    copy_gb_per_s: float

    @property
    def ridge(self) -> float:
        """FLOP a byte at which both bounds meet."""
        return self.tflops * 1e3 / self.copy_gb_per_s

    def at(self, intensity: float) -> float:
        return min(self.tflops, intensity * self.copy_gb_per_s / 1e3)


def roof_of(results: Results, chip: Chip, applies: bool) -> Roof | None:
    """None where the copy bandwidth was not measured or the chip is not the one of the criteria."""
    copy = results.environment.copy_gb_per_s
    return Roof(chip.dense_fp16_tflops, copy) if copy and applies else None


def check_of_projection(criteria: Criteria, projection: Projection) -> list[str]:
    """Whether the figures of a projection follow from each other, in sentences with the arithmetic."""
    case = expected_case(criteria, projection.case)
    gflop = case.stored_flop / 1e9
    lines = [
        f"Executed work: 2 · {1 - case.sparsity:.2f} · {case.m} · {case.n} · {case.k} = {gflop:.1f} GFLOP."
    ]
    low, high = projection.tflops[0], projection.tflops[-1]
    rate = _span(low, high, "{:g}")
    if projection.time_ms:
        short, long = projection.time_ms[0], projection.time_ms[-1]
        lines.append(_latency_check(criteria, case, projection, rate, gflop))
        if projection.dram_gb_per_s:
            moved = _span(projection.dram_gb_per_s * short, projection.dram_gb_per_s * long, "{:.0f}")
            least, span = least_bytes(case) / 1e6, _span(short, long, "{:g}")
            lines.append(
                f"{projection.dram_gb_per_s:g} GB/s over {span} ms moves {moved} MB; the "
                f"product must move at least {least:.0f} MB (blocks and B read once, C written once)."
            )
    peak = criteria.chip.dense_fp16_tflops
    if projection.gpu in criteria.chip.name and low > peak:
        shortest, equivalent = gflop / peak, peak * case.dense_flop / case.stored_flop
        lines.append(
            f"No fp16 kernel can execute {rate} TFLOP/s on this chip: its dense peak is {peak:g}, so the "
            f"executed work takes at least {shortest:.2f} ms. Counted as dense-equivalent (all of m·n·k), "
            f"the same peak would read {equivalent:.0f} TFLOP/s: only in that unit can it be met."
        )
    return [*lines, projection.note] if projection.note else lines


def _latency_check(criteria: Criteria, case: Case, projection: Projection, rate: str, gflop: float) -> str:
    """Compare the projected time with the one that the projected rate gives."""
    low, high = projection.tflops[0], projection.tflops[-1]
    short, long = projection.time_ms[0], projection.time_ms[-1]
    follows = _span(gflop / high, gflop / low, "{:.2f}")
    implied = _span(gflop / long, gflop / short, "{:.0f}")
    given = _span(short, long, "{:g}")
    if short <= gflop / low and gflop / high <= long:
        return f"{gflop:.1f} GFLOP at {rate} TFLOP/s take {follows} ms: agrees with the projected {given} ms."
    text = (
        f"{gflop:.1f} GFLOP at {rate} TFLOP/s take {follows} ms, not the projected {given} ms: that "
        f"time does not follow from that rate. It would need {implied} TFLOP/s"
    )
    peak = criteria.chip.dense_fp16_tflops
    if projection.gpu in criteria.chip.name and gflop / long > peak:
        text += f", more than the dense peak of {peak:g}"
    return text + "."


def _span(low: float, high: float, form: str) -> str:
    first, last = form.format(low), form.format(high)
    return first if first == last else f"{first} to {last}"
