#!/usr/bin/env python3
"""Render the measured table of README.md from the records under results/.

The table stands between two markers in README.md and is never edited by hand. With ``--check`` nothing is
written, and the exit code is 1 where README.md and the records disagree.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NO_RECORDS = "no records yet"
OURS = "bsk"
TIMES = "\N{MULTIPLICATION SIGN}"
NONE = "-"
PEERS = {
    "cublas": f"{TIMES} cuBLAS dense",
    "cusparse-csr": f"{TIMES} cuSPARSE CSR",
    "cusparse-bsr": f"{TIMES} cuSPARSE BSR",
    "cusparse-bell": f"{TIMES} cuSPARSE Blocked-ELL",
}
DTYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}

Record = dict
Run = dict[str, Record]  #: one case measured once: implementation -> record


def read_runs(folder: Path) -> list[Run]:
    """Read the records of the bench; of one case measured twice on one device the later run counts."""
    runs: dict[str, Run] = {}
    for path in sorted(folder.rglob("*.jsonl")):
        current: Run = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if "implementation" not in record or "plan" in record or record["overhead_us"] is not None:
                continue
            if record["implementation"] == OURS:
                current = {}
                key = record["environment"]["name"] + json.dumps(record["case"], sort_keys=True)
                if key not in runs or runs[key][OURS]["time_utc"] <= record["time_utc"]:
                    runs[key] = current
            current[record["implementation"]] = record
    return [run for run in runs.values() if run[OURS]["times"]]


def times_faster(run: Run, peer: str) -> str:
    """Time of the peer over ours, for the same product in the same run."""
    record = run.get(peer)
    if record is None or not record["times"] or not record["error"]["correct"]:
        return NONE
    return f"{record['times']['median_ms'] / run[OURS]['times']['median_ms']:.2f}"


def row(run: Run) -> list[str]:
    """Return the cells of one case."""
    ours, case = run[OURS], run[OURS]["case"]
    layout = "X[n, k] → Y[n, m]" if case["b_layout"] == "col_major" else "B[k, n] → C[m, n]"
    shares = (ours["share_of_cublas_dense_rate"], ours["share_of_cublas_dense_rate_back_to_back"])
    return [
        TIMES.join(str(case[size]) for size in "mnk"),
        f"{case['block_m']}{TIMES}{case['block_k']}",
        f"{case['density']:.2f}",
        DTYPES[case["dtype"]],
        layout,
        f"{ours['times']['median_ms']:.3f}",
        f"{ours['executed_tflops']:.0f}",
        f"{ours['dense_equivalent_tflops']:.0f}",
        *(NONE if share is None else f"{share:.2f}" for share in shares),
        *(times_faster(run, peer) for peer in PEERS),
    ]


def order(run: Run) -> tuple:
    """Sort by size, layout, dtype and falling block."""
    case = run[OURS]["case"]
    return (
        -case["m"],
        case["pattern"],
        case["b_layout"] != "row_major",
        case["dtype"] != "float16",
        -case["block_m"],
        -case["block_k"],
        case["density"],
    )


def render(runs: list[Run]) -> str:
    """Return the Markdown between the markers: one table a device."""
    if not runs:
        return NO_RECORDS
    header = [
        TIMES.join("mnk"),
        "block",
        "density",
        "dtype",
        "layout",
        "median ms",
        "executed TFLOP/s",
        "dense-equivalent TFLOP/s",
        "executed, share of cuBLAS's dense rate",
        "that share back to back",
        *PEERS.values(),
    ]
    parts = []
    for device in sorted({run[OURS]["environment"]["name"] for run in runs}):
        mine = sorted((run for run in runs if run[OURS]["environment"]["name"] == device), key=order)
        newest = max(mine, key=lambda run: run[OURS]["time_utc"])[OURS]
        source = newest["source"]["commit"][:12]
        parts.append(
            f"**{device}**, driver {newest['environment']['driver']}, commit {source}, "
            f"median of {newest['times']['runs']} interleaved runs"
        )
        lines = [header, ["---"] * len(header), *(row(run) for run in mine)]
        parts.append("\n".join("| " + " | ".join(cells) + " |" for cells in lines))
    return "\n\n".join(parts)


def main() -> int:
    """Write README.md, or with ``--check`` compare only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare; exit code 1 if they differ")
    args = parser.parse_args()

    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, found, tail = rest.partition(END)
    if not found:
        print(f"README.md lacks the markers {BEGIN} and {END}")
        return 1
    rendered = f"{head}{BEGIN}\n{render(read_runs(ROOT / 'results'))}\n{END}{tail}"
    if rendered == text:
        print("tables: README.md agrees with the records")
        return 0
    if args.check:
        print("README.md disagrees with the records under results/: run scripts/render_tables.py")
        return 1
    temporary = README.with_name("README.md.tmp")
    temporary.write_text(rendered, encoding="utf-8")
    temporary.replace(README)
    print("tables: README.md rewritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
