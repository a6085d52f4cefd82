#!/usr/bin/env python3
"""Fit the cost model's constants to the records of `bsk sweep`, and judge the choice that follows from them.

A record holds the terms of its plan (src/plan/cost_model.h) and the measured time. The constants of each
variant of a kernel are found by cost_fit.py.
src/plan/cost_constants.h is rewritten; variants without records keep what they have. With ``--check``
nothing is written.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from cost_fit import NAMES, Constants, best_fit, predict, relative_error

ROOT = Path(__file__).resolve().parent.parent
CONSTANTS = ROOT / "src" / "plan" / "cost_constants.h"
MODELS = ROOT / "src" / "plan" / "device_models.cpp"
ROW = re.compile(r'CostConstants\{"([^"]+)", ([^}]*)\}')
DENSE = "dense_cublas"
EXPAND = "expand"  #: writing A into a dense matrix: what dense_cublas takes longer where it does so each time
FEWEST_RECORDS = 6
SLACK = 1.05  #: what auto may cost over the fastest kernel

Record = dict


def memory_rate() -> float:
    """Bytes a microsecond of the H200's memory, as the planner's device model has it."""
    match = re.search(
        r'\{"NVIDIA H200", DeviceType::cuda, \d+, \d+, \d+, [\d.]+, ([\d.]+),', MODELS.read_text()
    )
    if match is None:
        raise SystemExit(
            f"{MODELS.relative_to(ROOT)} has no row of an H200 to take the memory bandwidth from."
        )
    return float(match[1]) * 1e9 / 1e6


def has_uneven_lines(record: Record) -> bool:
    """Whether lines of B end off 16 bytes: copied, or loaded element by element, which no term counts."""
    return record["kernel"].startswith(("spmm_sm90", "spmm_sm80")) and record["case"]["n"] % 8 != 0


def read(paths: list[Path]) -> list[Record]:
    """Read the measured records of whole products by a plan; a wrong result ends the script."""
    records = []
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record.get("plan") and record["times"]:
                if not record["error"]["correct"]:
                    raise SystemExit(f"{path}: a result of {record['kernel']} is wrong: {record['case']}")
                if not has_uneven_lines(record):
                    records.append(record)
    return records


def microseconds(record: Record) -> float:
    return 1e3 * record["times"]["median_ms"]


def expansions(records: list[Record]) -> list[Record]:
    """Return a record for each expansion of A that was timed with its product and without."""
    products = defaultdict(dict)
    for record in records:
        if record["kernel"] == DENSE:
            products[json.dumps(record["case"], sort_keys=True)][record["plan"]["packs_each_time"]] = record
    result = []
    for key, product in products.items():
        if len(product) == 2:
            case = json.loads(key)
            extra_ms = product[True]["times"]["median_ms"] - product[False]["times"]["median_ms"]
            moved = 2 * case["m"] * case["k"] * (1 + case["density"])
            terms = {"tiles": 0, "steps": 0, "units": 0, "bytes": moved}
            result.append({"times": {"median_ms": extra_ms}, "plan": {"variant": EXPAND, "terms": terms}})
    return result


def terms_of(records: list[Record], rate: float) -> np.ndarray:
    """Return one row a record: tiles, steps, units, and the microseconds to move its bytes."""
    rows = [record["plan"]["terms"] for record in records]
    return np.array([[t["tiles"], t["steps"], t["units"], t["bytes"] / rate] for t in rows])


def read_constants() -> dict[str, Constants]:
    rows = ROW.findall(CONSTANTS.read_text(encoding="utf-8"))
    return {
        variant: dict(zip(NAMES, map(float, numbers.split(",")), strict=True)) for variant, numbers in rows
    }


def write_constants(constants: dict[str, Constants]) -> None:
    def row(match: re.Match) -> str:
        c = constants[match[1]]
        return f'CostConstants{{"{match[1]}", ' + ", ".join(f"{c[name]:.4f}" for name in NAMES) + "}"

    temporary = CONSTANTS.with_suffix(".tmp")
    temporary.write_text(ROW.sub(row, CONSTANTS.read_text(encoding="utf-8")), encoding="utf-8")
    temporary.replace(CONSTANTS)


def report_variants(groups: dict[str, list[Record]], constants: dict[str, Constants], rate: float) -> None:
    """Print the constants and residuals of every variant."""
    print(
        f"{'variant':24} {'records':>7} "
        + " ".join(f"{name:>12}" for name in NAMES)
        + "   rms error   10 % .. 90 % of predicted/measured"
    )
    for variant, group in sorted(groups.items()):
        terms = terms_of(group, rate)
        times = np.array([microseconds(record) for record in group])
        ratio = predict(terms, constants[variant]) / times
        low, high = np.quantile(ratio, [0.1, 0.9])
        print(
            f"{variant:24} {len(group):7} "
            + " ".join(f"{constants[variant][name]:12.4f}" for name in NAMES)
            + f"   {relative_error(terms, times, constants[variant]):9.3f}   {low:.3f} .. {high:.3f}"
        )


def report_choice(records: list[Record], constants: dict[str, Constants], rate: float) -> None:
    """Print what choosing by the predictions costs over the fastest kernel of each product."""
    products = defaultdict(list)
    for record in records:
        if not record["plan"]["packs_each_time"]:
            products[json.dumps(record["case"], sort_keys=True)].append(record)
    losses = []
    for key, candidates in products.items():
        own = [record for record in candidates if record["kernel"] != DENSE]
        if not own or len(own) == len(candidates):
            continue
        predicted = [
            float(predict(terms_of([r], rate), constants[r["plan"]["variant"]])[0]) for r in candidates
        ]
        chosen = candidates[int(np.argmin(predicted))]
        fastest = min(candidates, key=microseconds)
        losses.append((microseconds(chosen) / microseconds(fastest), json.loads(key), chosen, fastest))
    if not losses:
        return
    loss = np.array([entry[0] for entry in losses])
    print(
        f"\nauto over the fastest of its kernels and cuBLAS, {len(loss)} products: "
        + ", ".join(
            f"{100 * share:.0f} % <= {np.quantile(loss, share):.3f}" for share in (0.5, 0.9, 0.95, 0.99, 1)
        )
        + f"; {np.mean(loss <= SLACK):.1%} within {SLACK}"
    )
    for ratio, case, chosen, fastest in sorted(losses, key=lambda entry: -entry[0])[:15]:
        if ratio > SLACK:
            print(
                f"  {ratio:.3f}  {case['m']}^2, n {case['n']}, block {case['block_m']}, "
                f"density {case['density']:.2f}: "
                f"{chosen['plan']['variant']} {microseconds(chosen):.1f} us, "
                f"{fastest['plan']['variant']} {microseconds(fastest):.1f} us"
            )


def main() -> int:
    """Fit, report, and write unless told to check only."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", type=Path, nargs="+", help="files of `bsk sweep`")
    parser.add_argument(
        "--check", action="store_true", help="report on the constants as they are; write nothing"
    )
    args = parser.parse_args()

    rate = memory_rate()
    records = read(args.records)
    constants = read_constants()
    groups = defaultdict(list)
    for record in records:
        if not record["plan"]["packs_each_time"]:
            groups[record["plan"]["variant"]].append(record)
    if expanded := expansions(records):
        groups[EXPAND] = expanded
    unknown = sorted(set(groups) - set(constants))
    if unknown:
        raise SystemExit(
            f"{CONSTANTS.relative_to(ROOT)} has no row for {', '.join(unknown)}; add one to start from."
        )
    if not args.check:
        for variant, group in groups.items():
            if len(group) >= FEWEST_RECORDS:
                terms = terms_of(group, rate)
                times = np.array([microseconds(record) for record in group])
                constants[variant] = best_fit(terms, times, constants[variant])
        write_constants(constants)
    report_variants(groups, constants, rate)
    report_choice(records, constants, rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
