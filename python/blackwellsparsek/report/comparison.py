"""Two runs side by side: machines, commits, or instances of the same rented GPU."""

from dataclasses import dataclass
from typing import Literal

from ..records import OURS, Case, Record, Results, Spread
from .selection import default_records

Finding = Literal["FASTER", "SAME", "SLOWER", "AMBIGUOUS"]

NEGLIGIBLE = 0.02  # relative difference of medians that nobody acts on: clocks of one GPU drift by as much
NARROW = 0.06  # of both ranges p10 to p90 together, below which negligible medians mean the same
LEAST_LAUNCHES = 3  # that have a spread


@dataclass(frozen=True)
class Pair:
    """One implementation on one case in both runs."""

    case: Case
    implementation: str
    before: Spread
    after: Spread

    @property
    def ratio(self) -> float:
        """Time before over time after: above 1 the second run is faster."""
        return self.before.median / self.after.median

    @property
    def finding(self) -> Finding:
        """What the spread allows to say of the second run.

        FASTER or SLOWER where the ranges p10 to p90 do not meet and the medians differ by more than is
        negligible; SAME where the medians differ negligibly and both ranges together are narrow; else, and
        of too few launches, AMBIGUOUS.
        """
        if min(self.before.count, self.after.count) < LEAST_LAUNCHES:
            return "AMBIGUOUS"
        apart = self.before.p90 < self.after.p10 or self.after.p90 < self.before.p10
        negligible = abs(self.ratio - 1) <= NEGLIGIBLE
        if apart and not negligible:
            return "FASTER" if self.ratio > 1 else "SLOWER"
        width = max(self.before.p90, self.after.p90) / min(self.before.p10, self.after.p10) - 1
        if negligible and width <= NARROW:
            return "SAME"
        return "AMBIGUOUS"


@dataclass(frozen=True)
class Comparison:
    """All pairs, and what is in one run only."""

    before: Results
    after: Results
    pairs: tuple[Pair, ...]
    only_before: tuple[Record, ...]
    only_after: tuple[Record, ...]

    def differences(self) -> list[tuple[str, str, str]]:
        """Fields of the environments that differ: a caveat for every ratio."""
        first, second = vars(self.before.environment), vars(self.after.environment)
        ignored = {"date", "command"}
        return [
            (name, str(first[name]), str(second[name]))
            for name in first
            if name not in ignored and first[name] != second[name]
        ]

    def ours(self, finding: Finding) -> int:
        """In how many pairs of this library that was found."""
        return sum(p.finding == finding for p in self.pairs if p.implementation == OURS)

    def peers(self, finding: Finding) -> int:
        """The same of all peers: what they differ by is not this library's doing."""
        return sum(p.finding == finding for p in self.pairs if p.implementation != OURS)


def compare(before: Results, after: Results) -> Comparison:
    """Pair what both runs measured; warm times, right results only."""
    first, second = (
        {(r.case, r.implementation): r for r in default_records(results) if r.status == "ok"}
        for results in (before, after)
    )
    pairs = tuple(
        Pair(case, implementation, record.time_ms.warm, second[case, implementation].time_ms.warm)
        for (case, implementation), record in first.items()
        if (case, implementation) in second
    )
    only_before = tuple(record for key, record in first.items() if key not in second)
    only_after = tuple(record for key, record in second.items() if key not in first)
    return Comparison(before, after, pairs, only_before, only_after)
