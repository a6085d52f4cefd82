"""Reading results files with all checks, and writing them."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from .._files import replacing
from .decode import RecordsError, decode, parse_json
from .schema import SCHEMA, Environment, Record, Results, Spread

_SLACK = 0.01  # of a rate or density beside the one that follows from time or blocks: files are rounded


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read and check a results file or a partial file.

    Raises
    ------
    RecordsError
        Names the file, the record and what is wrong with it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecordsError(f"{path} cannot be read: {error}.") from error
    if path.suffix == ".jsonl":
        lines = text.splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            lines.pop()  # the line that was being written when the run ended
        if not lines:
            raise RecordsError(f"{path} is empty; expected the environment on its first line.")
        header = parse_json(lines[0], f"{path}, line 1,")
        entries = [parse_json(line, f"{path}, line {n},") for n, line in enumerate(lines[1:], start=2)]
    else:
        header = parse_json(text, str(path))
        entries = header.get("records") if isinstance(header, dict) else None
    schema = header.get("schema") if isinstance(header, dict) else None
    if schema != SCHEMA:
        raise RecordsError(f"{path} has the schema {schema!r}; this version reads {SCHEMA!r}. Measure again.")
    if not isinstance(entries, list):
        raise RecordsError(f"{path} lacks the list 'records'.")
    environment = decode(Environment, header.get("environment"), f"{path}: environment")
    for name in ("sm_count", "memory_bytes", "l2_bytes", "copy_gb_per_s"):
        value = getattr(environment, name)
        if value is not None and value <= 0:
            raise RecordsError(f"{path}: environment: {name} is {value}; expected more than 0, or null.")
    records = []
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: record {number}{_named(entry)}"
        records.append(decode(Record, entry, where))
        _check(records[-1], where)
    options = decode(dict, header.get("options"), f"{path}: options")
    return Results(environment, options, source=str(path)).with_records(tuple(records))


def write_results(results: Results, path: Path) -> None:
    """Write a results file; whoever reads meanwhile sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        content = {**_header(results), "records": [asdict(record) for record in results.records]}
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def partial_path(path: Path) -> Path:
    """Where the records of an unfinished run for the results file `path` are kept."""
    return path.with_name(path.name + ".partial.jsonl")


def start_partial(results: Results, path: Path) -> None:
    """Write a partial file with the records there are."""
    with replacing(path) as temporary:
        lines = [_header(results), *(asdict(record) for record in results.records)]
        temporary.write_text(
            "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines), encoding="utf-8"
        )


def append_partial(record: Record, path: Path) -> None:
    """Add one record to a partial file that `start_partial` wrote; on the disk when this returns."""
    line = json.dumps(asdict(record), allow_nan=False) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _header(results: Results) -> dict:
    return {
        "schema": results.schema,
        "environment": asdict(results.environment),
        "options": results.options,
    }


def _named(entry: object) -> str:
    """Implementation and size for messages, as far as the entry has them."""
    if not isinstance(entry, dict) or not isinstance(entry.get("case"), dict):
        return ""
    case = entry["case"]
    return f" ({entry.get('implementation')}, m = {case.get('m')}, block {case.get('block')})"


def _check(record: Record, where: str) -> None:
    """Refuse records that contradict themselves."""
    case = record.case
    if min(case.m, case.n, case.k, case.block) <= 0 or not 0 <= case.density <= 1:
        raise RecordsError(f"{where} has sizes or a density out of range: {case}.")
    if abs(case.density - case.stored_flop / case.dense_flop) > _SLACK:
        raise RecordsError(f"{where} has the density {case.density}, which does not follow from its blocks.")
    if record.clocks and record.clocks.sm_mhz is not None and record.clocks.sm_mhz <= 0:
        raise RecordsError(f"{where} has a clock of {record.clocks.sm_mhz} MHz; expected more, or null.")
    for spread in (record.time_ms.cold, record.time_ms.warm):
        if spread and not _in_order(spread):
            raise RecordsError(f"{where} has times out of order; expected 0 < min <= p10 <= ...: {spread}.")
    if record.status != "ok":
        if not record.reason:
            raise RecordsError(f"{where} is {record.status} without a reason.")
        return
    if record.warm_ms is None:
        raise RecordsError(f"{where} is ok without a warm time.")
    if record.error is None and not record.other_pattern:
        raise RecordsError(f"{where} is ok without an error against the oracle.")
    if record.error is not None and record.error.max_diff >= record.error.bound:
        raise RecordsError(f"{where} is ok with {record.error}; expected status wrong.")
    rates = {"executed_tflops": record.executed_flop, "dense_equivalent_tflops": case.dense_flop}
    for name, flop in rates.items():
        rate, follows = getattr(record, name), flop / record.warm_ms / 1e9
        if rate is None or abs(rate - follows) > _SLACK * follows:
            raise RecordsError(f"{where} gives {name} {rate}; {follows:.4g} follows from its warm median.")


def _in_order(spread: Spread) -> bool:
    values = [0, spread.min, spread.p10, spread.median, spread.p90, spread.max or spread.p90]
    return values[1] > 0 and values == sorted(values)
