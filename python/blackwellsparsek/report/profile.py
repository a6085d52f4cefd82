"""The counters that benchmarks/profile_ncu.py took, as far as the report needs them."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ..records import RecordsError

COLUMNS = ("metric", "value", "unit")
DRAM_BYTES, L2_BYTES, DURATION = "dram__bytes.sum", "lts__t_bytes.sum", "gpu__time_duration.sum"
_SCALES = {"byte": 1, "kbyte": 1e3, "mbyte": 1e6, "gbyte": 1e9, "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}


@dataclass(frozen=True)
class Profile:
    """Counters of one launch of the headline kernel, in bytes and seconds; None where not counted."""

    source: str
    dram_bytes: float | None
    l2_bytes: float | None
    seconds: float | None


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
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise RecordsError(f"{path} lacks rows or one of the columns {', '.join(COLUMNS)}.")
    values = {}
    for row in rows:
        if row["metric"] in (DRAM_BYTES, L2_BYTES, DURATION):
            values[row["metric"]] = _number(row, path)
    return Profile(path.name, values.get(DRAM_BYTES), values.get(L2_BYTES), values.get(DURATION))


def _number(row: dict[str, str], path: Path) -> float:
    unit = {"nsecond": "ns", "usecond": "us", "msecond": "ms", "second": "s"}.get(row["unit"], row["unit"])
    try:
        return float(row["value"]) * _SCALES[unit.lower()]
    except (KeyError, ValueError) as error:
        raise RecordsError(
            f"{path}: {row['metric']} is {row['value']!r} {row['unit']!r}; expected bytes or seconds."
        ) from error
