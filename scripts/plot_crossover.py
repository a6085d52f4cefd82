#!/usr/bin/env python3
"""Draw how much of cuBLAS's time for the dense product a block-sparse product takes, against the density.

Reads records of `bsk sweep` and takes, for each block and density, the fastest of this library's kernels and
cuBLAS on the same A expanded to dense, in the same run. States the density at which they meet: linear
between the records around it. Needs matplotlib for --svg.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

DENSE = "dense_cublas"
GOALS = {128: 0.92, 64: 0.80, 32: 0.55, 16: 0.45}

Curve = list[tuple[float, float]]  #: (density, time over cuBLAS's), by density


def read_curves(path: Path, size: int, n: int) -> dict[int, Curve]:
    """Return the curve of each block for m = k = `size`."""
    times: dict[tuple[int, float], dict[bool, float]] = defaultdict(dict)
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        case, plan = record["case"], record["plan"]
        if (case["m"], case["k"], case["n"], case["pattern"]) != (size, size, n, "uniform"):
            continue
        if plan["packs_each_time"] or case["b_layout"] != "row_major":
            continue
        point = times[case["block_m"], case["density"]]
        is_dense = record["kernel"] == DENSE
        point[is_dense] = min(point.get(is_dense, float("inf")), record["times"]["median_ms"])
    curves: dict[int, Curve] = defaultdict(list)
    for (block, density), point in sorted(times.items()):
        if len(point) == 2:
            curves[block].append((density, point[False] / point[True]))
    return curves


def crossover(curve: Curve) -> float | None:
    """Density from which on cuBLAS is faster, or None where it never is."""
    previous = None
    for density, ratio in curve:
        if ratio > 1:
            if previous is None:
                return density
            before, ratio_before = previous
            return before + (density - before) * (1 - ratio_before) / (ratio - ratio_before)
        previous = (density, ratio)
    return None


def draw(curves: dict[int, Curve], title: str, path: Path) -> None:
    """Write the curves as an SVG that is the same for the same records."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "crossover", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for block, curve in sorted(curves.items(), reverse=True):
        densities, ratios = zip(*curve, strict=True)
        axes.plot(densities, ratios, marker="o", markersize=4, label=f"block {block}")
    axes.axhline(1, color="black", linewidth=1)
    axes.set(xlabel="density", ylabel="time over cuBLAS's for the dense product", title=title, xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, format="svg", metadata={"Date": None})


def main() -> int:
    """Print the crossover densities beside the goals and draw the curves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", type=Path, help="a file of `bsk sweep`")
    parser.add_argument("--size", type=int, default=8192, help="m and k (default: 8192)")
    parser.add_argument("--n", type=int, default=8192, help="columns of B (default: 8192)")
    parser.add_argument("--svg", type=Path, help="where to draw")
    args = parser.parse_args()

    curves = read_curves(args.records, args.size, args.n)
    if not curves:
        print(f"{args.records} has no records of m = k = {args.size}, n = {args.n} with cuBLAS beside them.")
        return 1
    for block, curve in sorted(curves.items(), reverse=True):
        density = crossover(curve)
        meets = f"at density {density:.2f}" if density is not None else f"nowhere up to {curve[-1][0]:.2f}"
        print(f"block {block:3}: cuBLAS overtakes {meets}; the goal is {GOALS.get(block, float('nan')):.2f}")
    if args.svg:
        draw(curves, f"m = k = {args.size}, n = {args.n}, fp16, uniform", args.svg)
    return 0


if __name__ == "__main__":
    sys.exit(main())
