"""Why a run stays below the minimum: five questions in a fixed order, each answered from records."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..records import Case, Record, Results
from .arithmetic import Roof, least_bytes, roof_of
from .criteria import Criteria
from .judge import describe
from .names import case_name
from .profile import Profile
from .selection import alternatives, matching, ours

Answer = Literal["likely cause", "not the cause", "no evidence"]

MEMORY_BOUND_SHARE = 0.75  # of the copy bandwidth; a copy itself is 1
FASTER = 0.97  # an alternative's time over the default's, below which the choice was wrong
SEVERE = ("hw_thermal", "sw_thermal", "hw_power_brake", "hw_slowdown")
GENTLE_SHARE = 0.8  # of what the tensor cores could do at the clock that was measured


@dataclass(frozen=True)
class Step:
    """One question with its answer."""

    question: str
    answer: Answer
    evidence: tuple[str, ...]
    advice: str  #: what to do where it is the cause or evidence is missing; else empty


@dataclass(frozen=True)
class Subject:
    """What is diagnosed: the headline case of one run."""

    results: Results
    criteria: Criteria
    record: Record | None  #: ours on the headline case, measured
    profile: Profile | None

    @property
    def roof(self) -> Roof | None:
        applies = self.results.environment.compute_capability == self.criteria.compute_capability
        return roof_of(self.results, self.criteria.chip, applies)


def diagnose(results: Results, criteria: Criteria, profile: Profile | None = None) -> list[Step]:
    """Answer every question, the first likely cause first in the order of the list."""
    headline = matching(ours(results), criteria.cases["headline"])
    measured = [record for record in headline if record.status == "ok"]
    record = min(measured, key=lambda r: r.executed_tflops) if measured else None
    subject = Subject(results, criteria, record, profile)
    questions: list[Callable[[Subject], Step]] = [_machine_code, _memory, _tile, _versions, _clocks]
    return [question(subject) for question in questions]


def _machine_code(subject: Subject) -> Step:
    question = "Are TMA and wgmma in the machine code?"
    environment = subject.results.environment
    evidence = [f"built for {environment.architectures}"]
    if subject.record is not None:
        evidence.append(f"the headline case ran {subject.record.kernel}")
    if environment.hgmma is None or environment.utmaldg is None:
        advice = "Install cuobjdump and measure again, or run scripts/check_sass.py on the build."
        evidence.append("HGMMA and UTMALDG were not counted: no disassembler was found")
        other_kernel = subject.record is not None and "sm90" not in (subject.record.kernel or "")
        return Step(question, "likely cause" if other_kernel else "no evidence", tuple(evidence), advice)
    evidence.append(f"HGMMA (wgmma): {environment.hgmma}; UTMALDG (TMA loads): {environment.utmaldg}")
    ran_other = subject.record is not None and "sm90" not in (subject.record.kernel or "")
    if min(environment.hgmma, environment.utmaldg) == 0 or ran_other:
        advice = (
            "Build with BSK_ARCHITECTURES=90a and look at the plan: another kernel than spmm_sm90 was taken."
        )
        return Step(question, "likely cause", tuple(evidence), advice)
    return Step(question, "not the cause", tuple(evidence), "")


def _memory(subject: Subject) -> Step:
    question = "Does memory bandwidth bound it?"
    record, copy = subject.record, subject.results.environment.copy_gb_per_s
    if record is None or copy is None:
        missing = "the headline case" if record is None else "the copy bandwidth"
        return Step(question, "no evidence", (f"{missing} was not measured",), "Measure it.")
    evidence, shares = [], []
    seconds, case = record.warm_ms / 1e3, record.case
    evidence.append(_roofline_position(case, record.executed_tflops, subject.roof))
    least = least_bytes(case)
    shares.append(least / seconds / 1e9 / copy)
    evidence.append(
        f"at least {least / 1e6:.0f} MB must pass through DRAM, in {record.warm_ms:.4g} ms: "
        f"{least / seconds / 1e9:.0f} GB/s, {shares[-1]:.0%} of the copy bandwidth of {copy:.0f} GB/s"
    )
    profile = subject.profile
    if profile is not None and profile.dram_bytes is not None and profile.seconds:
        rate = profile.dram_bytes / profile.seconds / 1e9
        shares.append(rate / copy)
        evidence.append(
            f"{profile.source}: {profile.dram_bytes / 1e6:.0f} MB through DRAM, {rate:.0f} GB/s, "
            f"{shares[-1]:.0%} of the copy bandwidth"
        )
        if profile.l2_bytes is not None:
            evidence.append(
                f"{profile.source}: {profile.l2_bytes / 1e6:.0f} MB through L2, "
                f"{profile.l2_bytes / profile.seconds / 1e12:.1f} TB/s, "
                f"{profile.l2_bytes / profile.seconds / 1e9 / copy:.1f} times the copy bandwidth"
            )
    else:
        evidence.append("bytes were not counted: no *_ncu_metrics.csv beside the records")
    if max(shares) >= MEMORY_BOUND_SHARE:
        advice = "Share loads between CTAs (clusters), or use larger tiles: fewer bytes for the same product."
        return Step(question, "likely cause", tuple(evidence), advice)
    advice = "" if len(shares) > 1 else "Count the bytes with benchmarks/profile_ncu.py to be sure."
    return Step(question, "not the cause", tuple(evidence), advice)


def _roofline_position(case: Case, rate: float, roof: Roof | None) -> str:
    intensity = case.stored_flop / least_bytes(case)
    text = f"{case_name(case)}: at most {intensity:.0f} FLOP a byte"
    if roof is None:
        return text
    side = "compute" if intensity > roof.ridge else "memory"
    return (
        f"{text}, the ridge is at {roof.ridge:.0f}: on the {side} side of the roofline, which allows "
        f"{roof.at(intensity):.0f} TFLOP/s; {rate:.0f} were executed"
    )


def _tile(subject: Subject) -> Step:
    question = "Is the tile right for this GPU?"
    record = subject.record
    if record is None:
        return Step(question, "no evidence", ("the headline case was not measured",), "Measure it.")
    tiles = [line for line in (record.plan or "").splitlines() if line.startswith("Tiles of")]
    default = ", ".join([f"the plan's choice: {record.warm_ms:.4g} ms", record.kernel or "a kernel", *tiles])
    others = alternatives(subject.results, record.case)
    measured = sorted((r for r in others if r.status == "ok"), key=lambda r: r.warm_ms)
    if not measured:
        evidence = (default, "no alternative was measured")
        advice = (
            "Measure them: benchmarks/comprehensive_benchmark.py does, on a GPU, and so does `bsk sweep`."
        )
        return Step(question, "no evidence", evidence, advice)
    evidence = [default, *(f"{r.settings}: {r.warm_ms:.4g} ms" for r in measured)]
    best = measured[0]
    if best.warm_ms < FASTER * record.warm_ms and best.time_ms.warm.p90 < record.time_ms.warm.p10:
        gain = record.warm_ms / best.warm_ms
        advice = (
            f"{best.settings} is {gain:.2f} times as fast: refit the cost model, scripts/fit_cost_model.py."
        )
        return Step(question, "likely cause", tuple(evidence), advice)
    return Step(question, "not the cause", tuple(evidence), "")


def _versions(subject: Subject) -> Step:
    question = "Do driver, CUDA runtime and build agree?"
    environment = subject.results.environment
    stated = (environment.cuda_driver, environment.cuda_runtime, environment.cuda_build)
    evidence = (
        f"driver {environment.driver} for CUDA {stated[0]}, runtime {stated[1]}, built with {stated[2]}",
        f"compute capability {environment.compute_capability}, built for {environment.architectures}",
    )
    majors = [re.match(r"\d+", version or "") for version in stated]
    if None in majors:
        return Step(question, "no evidence", evidence, "Measure where the driver and the runtime answer.")
    driver, runtime, build = (int(major[0]) for major in majors)
    if driver < max(runtime, build) or runtime != build:
        advice = "Use a driver at least as new as the build's CUDA, and the runtime that was built with."
        return Step(question, "likely cause", evidence, advice)
    capability = (environment.compute_capability or "").replace(".", "")
    if capability and capability not in environment.architectures:
        advice = (
            f"Build for this GPU, compute capability {capability}: now the driver compiles PTX for another."
        )
        return Step(question, "likely cause", evidence, advice)
    return Step(question, "not the cause", evidence, "")


def _clocks(subject: Subject) -> Step:
    question = "Did clocks or throttling hold it back?"
    record = subject.record
    if record is None or record.clocks is None or record.clocks.sm_mhz is None:
        return Step(question, "no evidence", ("clocks were not measured",), "Measure where NVML answers.")
    clocks, chip = record.clocks, subject.criteria.chip
    reasons = ", ".join(clocks.throttle_reasons) or "none"
    evidence = [
        describe(subject.results, record),
        f"{clocks.sm_mhz:.0f} MHz, {clocks.power_w or float('nan'):.0f} W, throttle reasons: {reasons}",
    ]
    severe = any(reason.startswith(SEVERE) for reason in clocks.throttle_reasons)
    bound = False
    if subject.roof is not None and subject.results.environment.sm_count:
        flop_per_clock = chip.tensor_flop_per_clock_and_sm * subject.results.environment.sm_count
        possible = flop_per_clock * clocks.sm_mhz / 1e6
        share = record.executed_tflops / possible
        evidence.append(
            f"at this clock the tensor cores can do {possible:.0f} TFLOP/s; the kernel did {share:.0%} of it"
        )
        bound = share >= GENTLE_SHARE
    if severe or bound:
        advice = "Cool the GPU, raise its power or clock limit, or rent another one; then measure again."
        return Step(question, "likely cause", tuple(evidence), advice)
    return Step(question, "not the cause", tuple(evidence), "")
