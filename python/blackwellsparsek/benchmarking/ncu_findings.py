"""What counters of a kernel say: figures beside what was expected of them, and why warps waited."""

from dataclasses import dataclass

from .ncu import Counters

_STALL_PREFIX, _STALL_SUFFIX = "smsp__average_warps_issue_stalled_", "_per_issue_active.ratio"

#: What each stall reason of Nsight Compute means.
STALLS = {
    "barrier": "at a barrier of the CTA",
    "branch_resolving": "for a branch's target",
    "dispatch_stall": "for the dispatcher",
    "drain": "for stores to drain at the end of the kernel",
    "gmma": "for wgmma: the tensor cores are at work, or a warpgroup waits for its result",
    "imc_miss": "for a constant that was not cached",
    "lg_throttle": "for the queue of global and local memory instructions",
    "long_scoreboard": "for data from global or local memory, or for an mbarrier that TMA completes",
    "math_pipe_throttle": "for a busy arithmetic pipe",
    "membar": "at a memory barrier",
    "mio_throttle": "for the queue of shared memory and special instructions",
    "misc": "for other reasons",
    "no_instruction": "for instructions to be fetched",
    "no_instructions": "for instructions to be fetched",
    "not_selected": "ready, while another warp was issued",
    "short_scoreboard": "for shared memory or a special function",
    "sleeping": "asleep by its own instruction",
    "tex_throttle": "for the texture queue",
    "wait": "for the fixed latency of its last instruction",
    "warpgroup_arrive": "for the other warps of its warpgroup, before a wgmma",
}


@dataclass(frozen=True)
class Figure:
    """One figure in percent, and what the plan expected of an H100."""

    name: str
    counters: tuple[str, ...]  #: the first that the report has
    expected: tuple[float, float] | None
    above: str = ""  #: why, where the measured figure is higher
    below: str = ""

    def measured(self, counters: Counters) -> float | None:
        found = [name for name in self.counters if name in counters.values]
        return counters[found[0]] if found else None

    def in_words(self, value: float | None) -> str:
        """Why the measured figure differs."""
        if value is None:
            return "The report does not have this counter."
        if self.expected is None:
            return "Nothing was expected of it."
        low, high = self.expected
        if value > high:
            return self.above
        return self.below if value < low else "As expected."


FIGURES = (
    Figure(
        "SM throughput",
        ("sm__throughput.avg.pct_of_peak_sustained_elapsed",),
        (20, 25),
        above="The plan assumed a kernel that waits for memory. Here tiles are reused from shared memory, "
        "and the SMs compute instead of waiting.",
        below="The SMs wait even more than a memory-bound kernel's: the stall reasons say for what.",
    ),
    Figure(
        "achieved occupancy",
        ("sm__warps_active.avg.pct_of_peak_sustained_active",),
        (25, 30),
        above="More warps share an SM than the plan assumed; a smaller tile leaves room for them.",
        below="One CTA fills an SM's shared memory with its ring of tiles. Few warps suffice, as TMA and "
        "wgmma work asynchronously: low occupancy is no loss here.",
    ),
    Figure(
        "DRAM throughput",
        (
            "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed",
            "dram__throughput.avg.pct_of_peak_sustained_elapsed",
        ),
        (75, 80),
        above="The kernel is bound by DRAM: B does not stay in L2 between its uses.",
        below="The plan assumed a kernel bound by DRAM. A and the strips of B in use stay in L2 for "
        "most of their uses, so DRAM moves few bytes for each FLOP.",
    ),
    Figure(
        "branch efficiency",
        ("smsp__sass_average_branch_targets_threads_uniform.pct",),
        (100, 100),
        below="Some branches diverge: only a few threads of a warp issue TMA and signal barriers.",
    ),
    Figure(
        "L2 hit rate",
        ("lts__t_sector_hit_rate.pct",),
        (90, 95),
        above="Still more is reused in L2 than the plan assumed.",
        below="Reuse happens before L2: multicast and shared memory serve what would have hit, so the misses "
        "weigh more among the requests that are left.",
    ),
    Figure(
        "tensor pipe in use",
        (
            "sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active",
            "sm__inst_executed_pipe_tensor.avg.pct_of_peak_sustained_active",
        ),
        None,
    ),
)


def figure_table(counters: Counters) -> str:
    """Measured beside expected, with the reason for each difference."""
    lines = [f"{'':<20} {'measured':>9}  {'expected':>9}"]
    for figure in FIGURES:
        value = figure.measured(counters)
        measured = "-" if value is None else f"{value:.1f} %"
        low, high = figure.expected or (None, None)
        expected = "-" if low is None else f"{low} %" if low == high else f"{low}-{high} %"
        lines.append(f"{figure.name:<20} {measured:>9}  {expected:>9}  {figure.in_words(value)}")
    return "\n".join(lines)


def stall_reasons(counters: Counters, most: int = 5) -> list[tuple[str, float]]:
    """The reasons for which warps waited most, as shares of all waiting."""
    cycles = {
        name.removeprefix(_STALL_PREFIX).removesuffix(_STALL_SUFFIX): value
        for name, value in counters.values.items()
        if name.startswith(_STALL_PREFIX) and name.endswith(_STALL_SUFFIX)
    }
    cycles = {name: value for name, value in cycles.items() if name != "selected"}
    total = sum(cycles.values())
    ranked = sorted(cycles.items(), key=lambda item: -item[1])[:most]
    return [(name, value / total) for name, value in ranked if value > 0]


def stall_text(counters: Counters) -> str:
    """The top stall reasons in words."""
    return "\n".join(
        f"{share:6.1%}  {name}: a warp waited {STALLS.get(name, 'for a reason that has no words here')}"
        for name, share in stall_reasons(counters)
    )
