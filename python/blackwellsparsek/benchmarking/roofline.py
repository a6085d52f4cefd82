"""A roofline from the counters of one kernel: its rate over FLOP a byte, by DRAM and by L2."""

from dataclasses import dataclass
from pathlib import Path

from .ncu import Counters, NcuError

_DECADES_LEFT = 1.5


@dataclass(frozen=True)
class Roof:
    """A level of memory: what it could deliver, and what the kernel took from it."""

    name: str
    bytes_per_second: float
    bytes_moved: float


@dataclass(frozen=True)
class Roofline:
    """Everything that the picture shows, in FLOP, bytes and seconds."""

    flop: float
    seconds: float
    peak_flop_per_second: float
    roofs: tuple[Roof, ...]

    def in_words(self) -> str:
        """Where the kernel stands under its roofs."""
        rate = self.flop / self.seconds
        lines = [
            f"{rate / 1e12:.0f} executed TFLOP/s while profiled, {rate / self.peak_flop_per_second:.0%} of "
            f"what the tensor cores do at the clock then ({self.peak_flop_per_second / 1e12:.0f})."
        ]
        for roof in self.roofs:
            intensity = self.flop / roof.bytes_moved
            limit = intensity * roof.bytes_per_second
            bound = (
                "bound by the tensor cores" if limit > self.peak_flop_per_second else f"bound by {roof.name}"
            )
            lines.append(
                f"{roof.name}: {intensity:.0f} FLOP a byte, {roof.bytes_moved / self.seconds / 1e9:.0f} of "
                f"{roof.bytes_per_second / 1e9:.0f} GB/s in use; at this intensity a kernel is {bound}."
            )
        return "\n".join(lines)


def roofline_of(counters: Counters) -> Roofline:
    """The roofline of a kernel that multiplies 16-bit matrices by wgmma."""
    for source in ("fp16", "bf16_dst_fp32"):
        operations = f"sm__ops_path_tensor_op_hgmma_src_{source}_sparsity_off.sum"
        if counters.values.get(operations):
            break
    else:
        raise NcuError("The profiled kernel multiplied nothing by wgmma: there is no roofline of it.")
    dram = counters["dram__bytes.sum.peak_sustained"] * counters["dram__cycles_elapsed.avg.per_second"]
    seconds = counters["gpu__time_duration.sum"] * 1e-9
    l2_moved = counters["lts__t_bytes.sum"]
    l2 = l2_moved / seconds / (counters["lts__t_sectors.sum.pct_of_peak_sustained_elapsed"] / 100)
    return Roofline(
        counters[operations],
        seconds,
        counters[f"{operations}.peak_sustained_elapsed.per_second"],
        (Roof("DRAM", dram, counters["dram__bytes.sum"]), Roof("L2", l2, l2_moved)),
    )


def draw(roofline: Roofline, path: Path) -> None:
    """Draw the picture as SVG. Needs matplotlib."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    peak = roofline.peak_flop_per_second / 1e12
    rate = roofline.flop / roofline.seconds / 1e12
    intensities = [roofline.flop / roof.bytes_moved for roof in roofline.roofs]
    left, right = min(intensities) / 10**_DECADES_LEFT, 4 * max(intensities)
    for roof, intensity, colour in zip(roofline.roofs, intensities, ("#1f77b4", "#2ca02c"), strict=True):
        slope = roof.bytes_per_second / 1e12
        ridge = peak / slope
        label = f"{roof.name}, {roof.bytes_per_second / 1e9:.0f} GB/s"
        axes.plot([left, ridge], [left * slope, peak], color=colour, label=label)
        axes.plot([intensity], [rate], "o", color=colour, label=f"the kernel by its {roof.name} bytes")
    axes.axhline(peak, color="black", linewidth=1, label=f"tensor cores at this clock, {peak:.0f} TFLOP/s")
    axes.set(xscale="log", yscale="log", xlim=(left, right), xlabel="executed FLOP a byte")
    axes.set(ylabel="executed TFLOP/s", title="Roofline of the quickstart's kernel, while profiled")
    axes.legend(fontsize="small", loc="lower right")
    axes.grid(which="both", alpha=0.2)
    figure.savefig(path)
    pyplot.close(figure)
