"""What the cases measured before tell of the next: what needs no measuring, and what would last too long."""

from collections.abc import Hashable, Mapping, Sequence

from ..records import OURS, Case, Record
from .implementations import Implementation

_LAUNCHES_AT_LEAST = 2  #: of each implementation; one that is expected to outlast the case so is not tried


class Earlier:
    """The records so far, by implementation."""

    def __init__(self, implementations: Mapping[str, type[Implementation]], known: Sequence[Record]) -> None:
        self._implementations = implementations
        self._largest: dict[str, dict[int, Record]] = {}  # by block
        self._products: dict[tuple[str, Hashable], Case] = {}
        self.note(known)

    def note(self, records: Sequence[Record]) -> None:
        """Take what was measured into account."""
        for record in records:
            kind = self._implementations.get(record.implementation)
            if kind is None or record.warm_ms is None:
                continue
            case = record.case
            self._products.setdefault((record.implementation, kind.product(case)), case)
            by_block = self._largest.setdefault(record.implementation, {})
            known = by_block.get(case.block)
            if known is None or record.executed_flop >= known.executed_flop:
                by_block[case.block] = record

    def expected_seconds(self, name: str, case: Case) -> float | None:
        """Of a peer's launch, at its rate in the largest case; None where it was not measured."""
        by_block = self._largest.get(name)
        if name == OURS or not by_block:
            return None
        slowest = min(by_block.values(), key=lambda record: record.executed_flop / record.warm_ms)
        largest = by_block.get(case.block, slowest)
        flop = case.dense_flop if largest.work == "dense" else case.stored_flop
        return flop / largest.executed_flop * largest.warm_ms * 1e-3

    def why_not(self, name: str, case: Case, seconds: float) -> str | None:
        """Why a peer is not launched in a case of so many seconds; None where it is."""
        kind = self._implementations.get(name)
        other = self._products.get((name, kind.product(case))) if kind else None
        if other is not None and other != case:
            return (
                "The product is the same for every pattern of these sizes; it was measured with block "
                f"{other.block}, sparsity {other.sparsity:g}."
            )
        expected = self.expected_seconds(name, case)
        if expected is None or _LAUNCHES_AT_LEAST * expected < seconds:
            return None
        rounded = f"{expected:.0f}" if expected >= 1 else f"{expected:.1g}"
        return (
            f"A launch would take about {rounded} s, at its rate in other cases, and "
            f"{_LAUNCHES_AT_LEAST} are needed; --time-budget gives the whole case {seconds:.3g} s."
        )
