#!/usr/bin/env python3
"""Fit the cost model's constants to the records of `bsk sweep`, and judge the choice that follows from them.

A record holds the terms of its plan (src/plan/cost_model.h) and the measured time. For each variant of a
kernel the constants of

    fixed + max(tiles*tile + longer + (1 - overlap)*shorter, bytes/(bandwidth*memory_share))

with the longer and the shorter of steps*step and units*unit are found by least squares on the relative
error: which is longer is taken from the last round's constants, overlap is 0 or 1, what remains is
linear with constants that must not be negative.
src/plan/cost_constants.h is rewritten; variants without records keep what they have. With ``--check``
nothing is written.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CONSTANTS = ROOT / "src" / "plan" / "cost_constants.h"
MODELS = ROOT / "src" / "plan" / "device_models.cpp"
ROW = re.compile(r'CostConstants\{"([^"]+)", ([^}]*)\}')
NAMES = ("fixed", "tile", "step", "unit", "memory_share", "overlap")
DENSE = "dense_cublas"
EXPAND = "expand"  #: writing A into a dense matrix: what dense_cublas takes longer where it does so each time
FEWEST_RECORDS = 6
ROUNDS = 40
SLACK = 1.05  #: what auto may cost over the fastest kernel

Record = dict
Constants = dict[str, float]


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


def predict(terms: np.ndarray, c: Constants) -> np.ndarray:
    """Apply the cost model."""
    return c["fixed"] + np.maximum(work_of(terms, c), terms[:, 3] / c["memory_share"])


def work_of(terms: np.ndarray, c: Constants) -> np.ndarray:
    """Return the microseconds of tiles, steps and units."""
    tiles, steps, units, _ = terms.T
    by_steps, by_units = steps * c["step"], units * c["unit"]
    shorter = np.minimum(by_steps, by_units)
    return tiles * c["tile"] + np.maximum(by_steps, by_units) + (1 - c["overlap"]) * shorter


def non_negative(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares with no negative coefficient; the features are few enough to try every subset."""
    count = features.shape[1]
    best, best_error = np.zeros(count), float(np.sum(target**2))
    for size in range(1, count + 1):
        for chosen in map(list, itertools.combinations(range(count), size)):
            found, *_ = np.linalg.lstsq(features[:, chosen], target, rcond=None)
            error = float(np.sum((features[:, chosen] @ found - target) ** 2))
            if error < best_error and (found >= 0).all():
                best, best_error = np.zeros(count), error
                best[chosen] = found
    return best


def relative_error(terms: np.ndarray, times: np.ndarray, c: Constants) -> float:
    """Root mean square of the relative errors."""
    return float(np.sqrt(np.mean((predict(terms, c) / times - 1) ** 2)))


def fit(terms: np.ndarray, times: np.ndarray, start: Constants) -> Constants:
    """Improve `start` for as long as that lowers the relative error."""
    best, current = dict(start), dict(start)
    for _ in range(ROUNDS):
        tiles, steps, units, memory = terms.T
        step_counts = steps * current["step"] >= units * current["unit"]
        by_work = work_of(terms, current) >= memory / current["memory_share"]
        apart = 1 - current["overlap"]
        features = np.stack(
            [
                np.ones_like(times),
                tiles * by_work,
                steps * by_work * np.where(step_counts, 1, apart),
                units * by_work * np.where(step_counts, apart, 1),
                memory * ~by_work,
            ],
            axis=1,
        )
        found = non_negative(features / times[:, None], np.ones_like(times))
        used = features.any(axis=0)
        new = dict(current)
        for name, value, seen in zip(NAMES[:4], found, used, strict=False):
            if seen:
                new[name] = float(value)
        if used[4] and found[4] > 0:
            new["memory_share"] = float(1 / found[4])
        # Half a step: which side of a max counts must not jump to and fro.
        current = {name: (current[name] + new[name]) / 2 for name in NAMES}
        if relative_error(terms, times, current) < relative_error(terms, times, best):
            best = dict(current)
    return best


def starts(old: Constants) -> list[Constants]:
    """Return constants to begin a fit from: which side of a max counts at first decides where it ends."""
    return [
        {
            **old,
            "step": old["step"] * step,
            "unit": old["unit"] * unit,
            "memory_share": share,
            "overlap": overlap,
        }
        for step in (0.5, 1, 2)
        for unit in ((0.5, 1, 2) if old["unit"] else (1,))
        for share in (0.3, 0.6, 1)
        for overlap in ((0, 1) if old["unit"] else (1,))
    ]


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
                fits = [fit(terms, times, start) for start in starts(constants[variant])]
                constants[variant] = min(fits, key=lambda c: relative_error(terms, times, c))
        write_constants(constants)
    report_variants(groups, constants, rate)
    report_choice(records, constants, rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
