"""The command line of the report: judge, write, compare, readme, stale."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from ..records import RecordsError, Results
from . import readme, tables
from .bench_lines import load
from .comparison import Finding, compare
from .context import render, report_context
from .criteria import Criteria, read_criteria
from .staleness import published

REPOSITORY = Path(__file__).resolve().parents[3]

DESCRIPTION = """\
Judge records of a benchmark run, say why they fall short, and write the report.

RECORDS is a results file of benchmarks/comprehensive_benchmark.py, its .partial.jsonl while it runs or after
a crash, or a file of `bsk bench --records`.
"""
EPILOG = """\
examples:
  python -m blackwellsparsek.report judge h100_results.json
  python -m blackwellsparsek.report write results/h200/h200_results.json --out results/h200
  python -m blackwellsparsek.report compare l4_first.json l4_second.json
  python -m blackwellsparsek.report readme --check

exit codes:
  judge, write   0 go, 1 no-go, 2 incomplete: something that the minimum needs is missing or cannot be read
  compare        0 this library is nowhere slower in B, 1 it is somewhere, 2 nothing to compare
  readme         0 README.md agrees or was rewritten, 1 it disagrees (--check), 2 no records
  stale          0 every file under results/ is of the present kernels and plan, 1 some are not
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m blackwellsparsek.report",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--criteria",
        type=Path,
        default=REPOSITORY / "benchmarks" / "criteria.json",
        help="criteria and projections (default: benchmarks/criteria.json)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    judging = commands.add_parser("judge", help="print the verdict and, below the minimum, the diagnosis")
    judging.add_argument("records", type=Path, metavar="RECORDS")
    writing = commands.add_parser("write", help="write <GPU>_RESULTS.md and .html, pictures and drafts")
    writing.add_argument("records", type=Path, metavar="RECORDS")
    writing.add_argument("--out", type=Path, required=True, help="folder to write into")
    comparing = commands.add_parser("compare", help="set two runs, machines or commits side by side")
    comparing.add_argument("before", type=Path, metavar="A")
    comparing.add_argument("after", type=Path, metavar="B")
    rendering = commands.add_parser("readme", help="render the measured section of README.md")
    rendering.add_argument("records", type=Path, nargs="?", metavar="RECORDS", help="default: in results/")
    rendering.add_argument("--check", action="store_true", help="only compare; exit code 1 if they differ")
    commands.add_parser("stale", help="say which records under results/ are of other kernels or plans")
    options = parser.parse_args(arguments)
    try:
        return RUN[options.command](options)
    except (RecordsError, OSError) as error:
        print(error, file=sys.stderr)
    except ImportError as error:
        print(f"{error}: install the extra packages of the report, jinja2 and matplotlib.", file=sys.stderr)
    return 2


def _judge(options: argparse.Namespace) -> int:
    context = report_context(load(options.records), read_criteria(options.criteria), REPOSITORY)
    print(render("verdict.txt.j2", context), end="")
    return context["judgement"].exit_code


def _write(options: argparse.Namespace) -> int:
    from .writer import write_report  # draws: the other commands do without matplotlib

    context = report_context(load(options.records), read_criteria(options.criteria), REPOSITORY)
    for file in write_report(context, options.out):
        print(f"wrote {file}")
    print(f"{context['gpu']}: {context['judgement'].decision}")
    return context["judgement"].exit_code


def _compare(options: argparse.Namespace) -> int:
    comparison = compare(load(options.before), load(options.after))
    context = {
        "comparison": comparison,
        "findings": get_args(Finding),
        "table": tables.comparison_table(comparison),
    }
    print(render("comparison.md.j2", context), end="")
    if not comparison.pairs:
        return 2
    return 1 if comparison.ours("SLOWER") else 0


def _readme(options: argparse.Namespace) -> int:
    criteria: Criteria = read_criteria(options.criteria)
    results: Results | None = load(options.records) if options.records else None
    text = readme.rendered(REPOSITORY, criteria, results)
    if text == (REPOSITORY / "README.md").read_text(encoding="utf-8"):
        print("README.md agrees with the records")
        return 0
    if options.check:
        print("README.md disagrees with the records: run `python -m blackwellsparsek.report readme`")
        return 1
    readme.update(REPOSITORY, text)
    print("README.md rewritten")
    return 0


def _stale(options: argparse.Namespace) -> int:
    entries = published(REPOSITORY)
    for entry in entries:
        states = ", ".join(f"{sources} {state}" for sources, state in entry.states.items())
        print(f"{entry.path}: {states}")
    return 1 if any(entry.stale for entry in entries) else 0


RUN = {"judge": _judge, "write": _write, "compare": _compare, "readme": _readme, "stale": _stale}

if __name__ == "__main__":
    sys.exit(main())
