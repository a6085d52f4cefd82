"""The counters that benchmarks/profile_ncu.py took of the headline kernel."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ..benchmarking.ncu import Counters
from ..benchmarking.ncu_findings import FIGURES, STALLS, stall_reasons
from ..records import RecordsError

COLUMNS = {"metric", "value", "unit"}
DRAM_BYTES, L2_BYTES, DURATION = "dram__bytes.sum", "lts__t_bytes.sum", "gpu__time_duration.sum"
_SCALES = {"byte": 1, "kbyte": 1e3, "mbyte": 1e6, "gbyte": 1e9, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}


@dataclass(frozen=True)
class Profile:
    """Counters of one launch; amounts in bytes and seconds, None where not counted."""

    source: str
    dram_bytes: float | None
    l2_bytes: float | None
    seconds: float | None
    counters: Counters

    def figures(self) -> list[tuple[str, str, str, str]]:
        """Name, measured, what the plan expected, and in words why they differ."""
        rows = []
        for figure in FIGURES:
            value = figure.measured(self.counters)
            low, high = figure.expected or (None, None)
            expected = "-" if low is None else f"{low} %" if low == high else f"{low} to {high} %"
            measured = "-" if value is None else f"{value:.1f} %"
            rows.append((figure.name, measured, expected, figure.in_words(value)))
        return rows

    def stalls(self) -> list[tuple[str, str, str]]:
        """Reason, share of all waiting, and what it means."""
        reasons = stall_reasons(self.counters)
        return [(name, f"{share:.1%}", f"a warp waited {STALLS.get(name, '-')}") for name, share in reasons]


def find_profile(results_path: Path) -> Profile | None:
    """The counters in the only `*_ncu_metrics.csv` beside the results, if there is one."""
    found = sorted(results_path.parent.glob("*_ncu_metrics.csv"))
    return read_profile(found[0]) if len(found) == 1 else None


def read_profile(path: Path) -> Profile:
    """Read a metrics file.

    Raises
    ------
    RecordsError
        Where the file lacks a column or a value is no number.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(rows[0]) >= COLUMNS:
        raise RecordsError(f"{path} lacks rows or one of the columns {', '.join(sorted(COLUMNS))}.")
    try:
        values = {row["metric"]: float(row["value"]) for row in rows}
    except (TypeError, ValueError) as error:
        raise RecordsError(f"{path} holds a value that is no number: {error}.") from error
    counters = Counters("", values, {row["metric"]: row["unit"] for row in rows})
    amounts = [_amount(counters, name, path) for name in (DRAM_BYTES, L2_BYTES, DURATION)]
    return Profile(path.name, *amounts, counters)


def _amount(counters: Counters, name: str, path: Path) -> float | None:
    """In bytes or seconds."""
    if name not in counters.values:
        return None
    unit = counters.units[name].lower().replace("second", "s")
    if unit not in _SCALES:
        raise RecordsError(f"{path}: {name} is in {counters.units[name]!r}; expected bytes or seconds.")
    return counters[name] * _SCALES[unit]
