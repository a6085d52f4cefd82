"""Reads Nsight Compute's counters of one kernel and says what they mean beside what was expected of it."""

import csv
import io
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SECTOR_BYTES = 32


class NcuError(Exception):
    """A report that cannot be read, or lacks a counter; the message says which."""


@dataclass(frozen=True)
class Counters:
    """The counters of one launch by Nsight Compute's names, numbers in base units."""

    kernel: str
    values: Mapping[str, float]
    units: Mapping[str, str]

    def __getitem__(self, name: str) -> float:
        if name not in self.values:
            raise NcuError(f"The report has no counter {name}; was it made with --set full?")
        return self.values[name]


def read_report(report: Path, ncu: str) -> Counters:
    """Read the first kernel of a report: with the package ncu-report, else by `ncu --import`."""
    try:
        import ncu_report
    except ImportError:
        command = [ncu, "--import", report, "--page", "raw", "--csv", "--print-units", "base"]
        listing = subprocess.run(command, capture_output=True, text=True, check=False)
        if listing.returncode:
            raise NcuError(f"ncu cannot read {report}: {listing.stdout}{listing.stderr}") from None
        return parse_csv(listing.stdout)
    context = ncu_report.load_report(str(report))
    if not context.num_ranges() or not context.range_by_idx(0).num_actions():
        raise NcuError(f"{report} holds no kernel.")
    action = context.range_by_idx(0).action_by_idx(0)
    metrics = {name: action.metric_by_name(name) for name in action.metric_names()}
    numbers = {name: metric for name, metric in metrics.items() if _is_number(metric.value())}
    return _with_bytes(
        action.name(),
        {name: float(metric.value()) for name, metric in numbers.items()},
        {name: metric.unit() or "" for name, metric in numbers.items()},
    )


def parse_csv(text: str) -> Counters:
    """Read what `ncu --page raw --csv --print-units base` prints: names, units, then a line a kernel."""
    start = text.find('"ID"')
    rows = list(csv.reader(io.StringIO(text[start:]))) if start >= 0 else []
    if len(rows) < 3:
        raise NcuError('The listing holds no kernel; expected a line that begins with "ID" and two more.')
    names, units, values = rows[:3]
    numbers = {}
    for name, value in zip(names, values, strict=True):
        try:
            numbers[name] = float(value.replace(",", ""))
        except ValueError:
            continue  # a name, or a list
    of_units = dict(zip(names, units, strict=True))
    kernel = values[names.index("Kernel Name")]
    return _with_bytes(kernel, numbers, {name: of_units[name] for name in numbers})


def _with_bytes(kernel: str, values: dict[str, float], units: dict[str, str]) -> Counters:
    """The counters with the bytes that DRAM and L2 moved, which --set full has in parts."""
    parts = {
        "dram__bytes.sum": [("dram__bytes_read.sum", 1), ("dram__bytes_write.sum", 1)],
        "lts__t_bytes.sum": [("lts__t_sectors.sum", _SECTOR_BYTES)],
    }
    for name, terms in parts.items():
        if name not in values and all(part in values for part, _ in terms):
            values[name] = sum(values[part] * factor for part, factor in terms)
            units[name] = "byte"
    return Counters(kernel, values, units)


def write_csv(counters: Counters, path: Path) -> None:
    """All counters, one a line."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("metric", "unit", "value"))
        for name in sorted(counters.values):
            writer.writerow((name, counters.units[name], counters.values[name]))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
