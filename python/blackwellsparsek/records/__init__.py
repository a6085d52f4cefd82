"""The records of measurements: schema, reading with validation, and writing.

A results file is one JSON object: schema, environment, options and records, written anew after each case of a
run. While a run is unfinished, a partial file `<results>.partial.jsonl` marks it so and holds the same as
lines: the first is the object without its records, each further line one record.
`read_results` reads either; verdicts and pictures are made from what it returns.
"""

from .decode import RecordsError
from .files import append_partial, partial_path, read_results, start_partial, write_results
from .schema import (
    OURS,
    SCHEMA,
    Case,
    Clocks,
    Environment,
    Error,
    Record,
    Results,
    Spread,
    Status,
    Times,
    Work,
)

__all__ = [
    "OURS",
    "SCHEMA",
    "Case",
    "Clocks",
    "Environment",
    "Error",
    "Record",
    "RecordsError",
    "Results",
    "Spread",
    "Status",
    "Times",
    "Work",
    "append_partial",
    "partial_path",
    "read_results",
    "start_partial",
    "write_results",
]
