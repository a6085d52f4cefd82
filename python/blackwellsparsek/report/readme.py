"""The measured section of README.md, rendered between two markers and never edited by hand."""

from pathlib import Path

from ..io import _replacing
from ..records import RecordsError, Results
from .bench_lines import load
from .context import render, report_context
from .criteria import Criteria

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def published_results(repository: Path) -> Path:
    """The records that the README shows: results files first, then lines of `bsk bench`.

    Raises
    ------
    RecordsError
        Where there are none.
    """
    for pattern in ("*/*_results.json", "*/bench.jsonl"):
        found = sorted((repository / "results").glob(pattern))
        if found:
            return found[-1]
    raise RecordsError(f"{repository / 'results'} has no *_results.json and no bench.jsonl.")


def rendered(repository: Path, criteria: Criteria, results: Results | None = None) -> str:
    """README.md with its measured section from these records, or from the published ones.

    Raises
    ------
    RecordsError
        Where the README lacks a marker.
    """
    text = (repository / "README.md").read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        raise RecordsError(f"README.md lacks the markers {BEGIN} and {END}.")
    results = results or load(published_results(repository))
    return f"{head}{BEGIN}\n{_section(results, criteria, repository)}{END}{tail}"


def update(repository: Path, text: str) -> None:
    with _replacing(repository / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")


def _section(results: Results, criteria: Criteria, repository: Path) -> str:
    return render("readme.md.j2", report_context(results, criteria, repository))
