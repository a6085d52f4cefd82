"""The pictures of the report, as SVG that is the same for the same records.

Colours are drawn as placeholders: a file for Markdown gets fixed ones on white, the HTML page CSS variables,
so that the pictures follow its light or dark scheme.
"""

import io
import re
from collections import defaultdict
from collections.abc import Callable
from statistics import median

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from ..records import Case, Record, Results
from .arithmetic import Roof, least_bytes
from .names import dtype_name, implementation_name
from .profile import Profile
from .selection import matching, of_case, ours, speedup

_INK, _GRID = "#010101", "#020202"
_SERIES = ("#030303", "#040404", "#050505", "#060606")
_ON_WHITE = {
    _INK: "#24292f",
    _GRID: "#d0d7de",
    **dict(zip(_SERIES, ("#0b62a8", "#c2410c", "#15803d", "#9d3ba6"), strict=True)),
}
_BLOCKS = (128, 64, 32, 16)
_MARKERS = dict(zip(_BLOCKS, "osD^", strict=True))
DENSE = "cublas_dense"

Curve = list[tuple[float, float]]


def draw_all(results: Results, headline: dict, roof: Roof | None, profile: Profile | None) -> dict[str, str]:
    """Every picture that the records allow: name to SVG with placeholders for colours.

    `headline` holds the fields of the case that the criteria are about; the pictures are of its size,
    sparsity, dtype, layout and pattern.
    """
    measured = [record for record in ours(results) if record.status == "ok"]
    records = matching(measured, {name: headline[name] for name in ("dtype", "layout", "pattern")})
    size = {name: headline[name] for name in ("m", "n", "k")}
    if records and not matching(records, size):  # then of the largest product
        size = {name: getattr(max(records, key=lambda r: r.case.dense_flop).case, name) for name in size}
    one_size = matching(records, size)
    one_sparsity = matching(records, {"sparsity": headline["sparsity"]})
    title = "×".join(map(str, size.values())) + f", {dtype_name(headline['dtype'])}"
    pictures: dict[str, Callable[[Axes], None]] = {}
    several_densities = len({record.case.sparsity for record in one_size}) > 1
    if several_densities:
        pictures["rate_by_density"] = lambda axes: _rates(axes, results, one_size, title, roof)
    if several_densities and any(_dense_speedup(results, r) for r in one_size):
        pictures["speedup_over_dense"] = lambda axes: _speedups(axes, results, one_size, title)
    if one_sparsity and roof:
        pictures["roofline"] = lambda axes: _roofline(axes, one_sparsity, roof, profile)
    if len({r.case.m for r in one_sparsity}) > 1:
        pictures["scaling"] = lambda axes: _scaling(axes, results, one_sparsity, headline)
    return {name: _svg(name, draw) for name, draw in pictures.items()}


def on_white(svg: str) -> str:
    """For a file that stands alone."""
    for placeholder, colour in _ON_WHITE.items():
        svg = svg.replace(placeholder, colour)
    return re.sub(r"(<svg [^>]*>)", r'\1<rect width="100%" height="100%" fill="#ffffff"/>', svg, count=1)


def in_page(svg: str) -> str:
    """For the HTML page, which defines --ink, --grid and --series-1 to --series-4."""
    names = {_INK: "ink", _GRID: "grid", **{s: f"series-{i}" for i, s in enumerate(_SERIES, start=1)}}
    for placeholder, name in names.items():
        svg = svg.replace(placeholder, f"var(--{name})")
    svg = svg[svg.index("<svg") :]
    return re.sub(r' width="[^"]*pt" height="[^"]*pt"| height="[^"]*pt"| width="[^"]*pt"', "", svg, count=2)


def crossover(curve: Curve) -> float | None:
    """The density at which the speed-up falls below 1, linear between points; None where it never does."""
    previous = None
    for density, ratio in sorted(curve):
        if ratio < 1:
            if previous is None:
                return density
            before, ratio_before = previous
            return before + (density - before) * (ratio_before - 1) / (ratio_before - ratio)
        previous = (density, ratio)
    return None


def speedup_curves(results: Results, records: list[Record]) -> dict[int, Curve]:
    """Block to (density, speed-up over cuBLAS on the same A expanded)."""
    curves: dict[int, Curve] = defaultdict(list)
    for record in sorted(records, key=lambda r: r.case.density):
        ratio = _dense_speedup(results, record)
        if ratio is not None:
            curves[record.case.block].append((record.case.density, ratio))
    return dict(curves)


def _dense_speedup(results: Results, record: Record) -> float | None:
    return speedup(record, of_case(results, record.case).get(DENSE))


def _rates(axes: Axes, results: Results, records: list[Record], title: str, roof: Roof | None) -> None:
    for block, group in _by_block(records):
        group.sort(key=lambda r: r.case.density)
        _line(axes, block, [r.case.density for r in group], [r.executed_tflops for r in group])
    _dense_line(axes, results, records, lambda case: 1 - case.sparsity)
    if roof:
        label = f"dense peak of the datasheet, {roof.tflops:g}"
        axes.axhline(roof.tflops, color=_INK, linewidth=1, linestyle="--", label=label)
    axes.set(title=f"Executed rate by density and block size\n{title}", xlabel="density")
    axes.set(ylabel="executed TFLOP/s", xlim=(0, None), ylim=(0, None))


def _speedups(axes: Axes, results: Results, records: list[Record], title: str) -> None:
    for block, curve in sorted(speedup_curves(results, records).items(), reverse=True):
        meets = crossover(curve)
        where = f"ahead up to {curve[-1][0]:.2f}" if meets is None else f"even at density {meets:.2f}"
        _line(axes, block, *map(list, zip(*curve, strict=True)), label=f"block {block}: {where}")
    axes.axhline(1, color=_INK, linewidth=1)
    axes.set(title=f"Speed-up over cuBLAS on A expanded to dense\n{title}", xlabel="density")
    axes.set(ylabel="× (time of cuBLAS over ours)", xlim=(0, None), ylim=(0, None))


def _roofline(axes: Axes, records: list[Record], roof: Roof, profile: Profile | None) -> None:
    for block, group in _by_block(records):
        points = [(r.case.stored_flop / least_bytes(r.case), r.executed_tflops) for r in group]
        _line(axes, block, *map(list, zip(*sorted(points), strict=True)), linestyle="")
    right = 2 * max(roof.ridge, *(r.case.stored_flop / least_bytes(r.case) for r in records))
    ends = [roof.ridge / 20, roof.ridge, right]
    label = f"{roof.copy_gb_per_s:.0f} GB/s measured by a copy; {roof.tflops:g} TFLOP/s by the datasheet"
    axes.plot(ends, [roof.at(x) for x in ends], color=_INK, linewidth=1.5, label=label)
    if profile and profile.dram_bytes:
        headline = [r for r in records if r.case.block == max(_BLOCKS)] or records
        record = min(headline, key=lambda r: abs(r.case.m - 8192))
        x = record.case.stored_flop / profile.dram_bytes
        axes.plot([x], [record.executed_tflops], "x", color=_INK, label="with the bytes that were counted")
    sizes = ", ".join(f"{m}³" for m in sorted({r.case.m for r in records}))
    sizes += ", from left to right" if "," in sizes else ""
    axes.set(xscale="log", yscale="log", title=f"Roofline\n{sizes}")
    axes.set(xlabel="FLOP a byte of DRAM if A, B and C pass once", ylabel="executed TFLOP/s")


def _scaling(axes: Axes, results: Results, records: list[Record], headline: dict) -> None:
    for block, group in _by_block(records):
        group.sort(key=lambda r: r.case.m)
        _line(axes, block, [r.case.m for r in group], [r.executed_tflops for r in group])
    _dense_line(axes, results, records, lambda case: case.m)
    sizes = sorted({r.case.m for r in records})
    axes.set(xscale="log", title=f"Scaling with size at {headline['sparsity']:.0%} sparsity")
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set(xlabel="m = n = k", ylabel="executed TFLOP/s", ylim=(0, None))


def _dense_line(
    axes: Axes, results: Results, records: list[Record], position: Callable[[Case], float]
) -> None:
    """Draw cuBLAS on the same products; where several block sizes share a position, the median."""
    rates: dict[float, list[float]] = defaultdict(list)
    for record in records:
        dense = of_case(results, record.case).get(DENSE)
        if dense is not None and dense.status == "ok":
            rates[position(record.case)].append(dense.executed_tflops)
    points = sorted((x, median(values)) for x, values in rates.items())
    if points:
        label = f"{implementation_name(DENSE)}, of dense work"
        axes.plot(*zip(*points, strict=True), color=_INK, linestyle=":", linewidth=1.2, label=label)


def _by_block(records: list[Record]) -> list[tuple[int, list[Record]]]:
    groups: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.case.block].append(record)
    return sorted(groups.items(), reverse=True)


def _line(axes: Axes, block: int, x: list[float], y: list[float], **style: object) -> None:
    position = _BLOCKS.index(block) if block in _BLOCKS else len(_SERIES) - 1
    axes.plot(
        x,
        y,
        color=_SERIES[position],
        marker=_MARKERS.get(block, "v"),
        markersize=5,
        **{"label": f"block {block}", **style},
    )


def _svg(name: str, draw: Callable[[Axes], None]) -> str:
    style = {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
        ),
        "axes.titlecolor": _INK,
        "grid.color": _GRID,
        "legend.frameon": False,
    }
    with plt.rc_context(style):
        figure, axes = plt.subplots(figsize=(7, 4.8), layout="constrained")
        draw(axes)
        axes.grid(linewidth=0.6)
        axes.set_axisbelow(True)
        figure.legend(loc="outside lower left", ncols=2, fontsize=9, labelcolor=_INK)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return text.getvalue()
