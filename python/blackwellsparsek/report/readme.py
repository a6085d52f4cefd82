"""The measured section of README.md, rendered between two markers and never edited by hand."""

from pathlib import Path

from .._files import replacing
from ..records import RecordsError, Results
from .bench_lines import load
from .context import render, report_context
from .criteria import Criteria

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def published_results(repository: Path) -> list[Path]:
    """The records that the README shows: of each GPU its results file, else its lines of `bsk bench`.

    Raises
    ------
    RecordsError
        Where there are none.
    """
    chosen = []
    for folder in sorted(path for path in (repository / "results").glob("*") if path.is_dir()):
        found = [*sorted(folder.glob("*_results.json")), *folder.glob("bench.jsonl")]
        chosen += found[:1]
    if not chosen:
        raise RecordsError(f"{repository / 'results'} has no folder with *_results.json or bench.jsonl.")
    return chosen


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
    shown = [results] if results else [load(path) for path in published_results(repository)]
    sections = "\n".join(render("readme.md.j2", report_context(each, criteria, repository)) for each in shown)
    return f"{head}{BEGIN}\n{sections}{END}{tail}"


def update(repository: Path, text: str) -> None:
    with replacing(repository / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
