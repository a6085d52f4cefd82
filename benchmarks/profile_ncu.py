"""Profile the quickstart's kernel with Nsight Compute: figures beside the expected ones, roofline, stalls.

For --export h100_profile it writes h100_profile.ncu-rep, and beside it the counters (h100_ncu_metrics.csv)
and the roofline (h100_roofline.svg). Where counters are forbidden, or there is no ncu, it says what to do and
is SKIPPED.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from blackwellsparsek.benchmarking.ncu import NcuError, read_report, write_csv
from blackwellsparsek.benchmarking.ncu_findings import figure_table, stall_text
from blackwellsparsek.benchmarking.roofline import draw, roofline_of

EXIT_FAILED, EXIT_SKIPPED = 1, 3
EPILOG = """example:
  PYTHONPATH=python python benchmarks/profile_ncu.py --export results/h100_profile

exit codes: 0 profiled, 1 failed, 2 wrong usage, 3 SKIPPED: no ncu, or counters are forbidden"""
REPOSITORY = Path(__file__).resolve().parents[1]
SIZE, BLOCK, DENSITY = 8192, 128, 0.22
WARM_UP_LAUNCHES = 2  #: of the kernel, before the one that is profiled
FORBIDDEN = """Profiling: SKIPPED. This machine forbids performance counters (ERR_NVGPUCTRPERM).
The owner of the host must allow them, one of:
  - load the driver with NVreg_RestrictProfilingToAdminUsers=0: put
    `options nvidia NVreg_RestrictProfilingToAdminUsers=0` into /etc/modprobe.d/nvidia.conf and reboot;
  - start the container with --cap-add=SYS_ADMIN (or --privileged).
Nothing else is lost: times, rates and verdicts do not need counters."""
NO_NCU = """Profiling: SKIPPED. There is no ncu on PATH or in /usr/local/cuda/bin; Nsight Compute comes
with the CUDA toolkit (package cuda-nsight-compute). Nothing else is lost."""


def profile(ncu: str, export: Path) -> subprocess.CompletedProcess[str]:
    """Run the quickstart under ncu; both streams of its output are in stdout."""
    command = [ncu, "--set", "full", "--export", export, "--force-overwrite", "--clock-control", "none"]
    command += ["--kernel-name", "regex:spmm", "--launch-skip", WARM_UP_LAUNCHES, "--launch-count", 1]
    command += [sys.executable, REPOSITORY / "examples" / "quickstart.py", "--device", "cuda"]
    command += ["--size", SIZE, "--block", BLOCK, "--density", DENSITY, "--repetitions", WARM_UP_LAUNCHES + 1]
    path = os.pathsep.join(filter(None, [str(REPOSITORY / "python"), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--export",
        type=Path,
        default=Path("h100_profile"),
        help="the report, without .ncu-rep (default: %(default)s)",
    )
    export = parser.parse_args().export
    ncu = shutil.which("ncu") or shutil.which("ncu", path="/usr/local/cuda/bin")
    if ncu is None:
        print(NO_NCU)
        return EXIT_SKIPPED
    export.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"Profiling {SIZE} x {SIZE} x {SIZE}, block {BLOCK}, density {DENSITY}; takes about half a minute.",
        flush=True,
    )
    run = profile(ncu, export)
    if "ERR_NVGPUCTRPERM" in run.stdout:
        print(FORBIDDEN)
        return EXIT_SKIPPED
    report = export.with_name(f"{export.name}.ncu-rep")
    if run.returncode or not report.exists():
        print(
            f"profile_ncu: ncu failed with exit code {run.returncode}:\n{run.stdout[-3000:]}", file=sys.stderr
        )
        return EXIT_FAILED
    prefix = export.name.removesuffix("_profile")
    metrics, picture = (export.with_name(prefix + end) for end in ("_ncu_metrics.csv", "_roofline.svg"))
    try:
        counters = read_report(report, ncu)
        write_csv(counters, metrics)
        roofline = roofline_of(counters)
    except NcuError as error:
        print(f"profile_ncu: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(
        f"\n{counters.kernel}\n\n{figure_table(counters)}\n\n{roofline.in_words()}\n\n{stall_text(counters)}\n"
    )
    draw(roofline, picture)
    print(f"Written: {report}, {metrics}, {picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
