"""Measure block-sparse products by this library and by every peer that is there, on the same data.

A case is one combination of size, sparsity, block size, dtype, pattern and n. In each, all implementations
are checked against a product in double precision and then launched in turns, with and without flushing L2;
with them alternatives to what the library's plan chose.
Records go to the results file, which `python -m blackwellsparsek.report` judges.

Ctrl-C, SIGTERM or a crash keeps every finished case; --resume goes on with the others.
"""

import argparse
import sys
from pathlib import Path

import torch

from blackwellsparsek.benchmarking import cutlass
from blackwellsparsek.benchmarking.cases import DTYPES, make_specs
from blackwellsparsek.benchmarking.environment import seen_from_repository
from blackwellsparsek.benchmarking.interrupt import prompt_interrupts
from blackwellsparsek.benchmarking.one_case import UnusableDevice
from blackwellsparsek.benchmarking.patterns import PATTERNS
from blackwellsparsek.benchmarking.registry import IMPLEMENTATIONS, PEERS
from blackwellsparsek.benchmarking.run import CannotResume, Options, run
from blackwellsparsek.benchmarking.summary import best_rate
from blackwellsparsek.records import OURS, RecordsError

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
EPILOG = """example:
  python benchmarks/comprehensive_benchmark.py --sizes 4096 8192 --sparsity 0.78 0.9 --block-sizes 64 128 \\
      --iterations 100 --output h100_results.json

exit codes: 0 all cases are recorded, 1 the device failed, 2 wrong usage, 130 interrupted"""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[4096, 8192, 16384, 32768], help="m = k, and n without --n")
    add("--sparsity", type=float, nargs="+", default=[0.5, 0.7, 0.78, 0.9], help="share of blocks not stored")
    add("--iterations", type=int, default=100, help="launches timed of each implementation, at most")
    add(
        "--output",
        type=Path,
        default=Path("h100_results.json"),
        help="the results file (default: %(default)s)",
    )
    add("--block-sizes", type=int, nargs="+", default=[16, 32, 64, 128], choices=(16, 32, 64, 128, 256))
    add("--dtypes", nargs="+", default=["float16"], choices=DTYPES)
    add("--patterns", nargs="+", default=["uniform"], choices=PATTERNS)
    add("--n", type=int, nargs="+", default=[], help="columns of B (default: as --sizes)")
    add(
        "--peers",
        nargs="*",
        default=list(PEERS),
        choices=PEERS,
        metavar="PEER",
        help=f"what to compare with (default: all): {', '.join(PEERS)}",
    )
    add(
        "--time-budget",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="for one case, data and conversions included (default: %(default)g); slow implementations are "
        "launched less often, and not at all where two launches are expected to last longer",
    )
    add("--resume", action="store_true", help="measure only what the output does not hold yet")
    add("--cutlass-dir", type=Path, help="a checkout of CUTLASS (default: the package nvidia-cutlass)")
    add("--device", type=torch.device, help="default: cuda if there is one, else cpu")
    return parser


def main() -> int:
    parser = make_parser()
    flags = parser.parse_args()
    if flags.iterations < 1 or flags.time_budget <= 0:
        parser.error("--iterations and --time-budget must be positive")
    device = flags.device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cutlass.cutlass_dir = flags.cutlass_dir
    try:
        specs = make_specs(
            flags.sizes, flags.sparsity, flags.block_sizes, flags.dtypes, flags.patterns, flags.n
        )
        recorded = {
            name: seen_from_repository(str(value)) if isinstance(value, (Path, torch.device)) else value
            for name, value in vars(flags).items()
        }
        names = [OURS, *(name for name in PEERS if name in flags.peers)]
        options = Options(
            specs,
            {name: IMPLEMENTATIONS[name] for name in names},
            device,
            flags.iterations,
            flags.time_budget,
            flags.output,
            flags.resume,
            recorded,
        )
        with prompt_interrupts(
            EXIT_INTERRUPTED,
            f"comprehensive_benchmark: interrupted; {flags.output} holds the finished cases: add --resume.",
        ):
            results = run(options)
    except (CannotResume, RecordsError, ValueError) as error:
        print(f"comprehensive_benchmark: {error}", file=sys.stderr)
        return EXIT_USAGE
    except UnusableDevice as error:
        print(f"comprehensive_benchmark: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(f"{best_rate(results)}\n{len(results.records)} records in {flags.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
