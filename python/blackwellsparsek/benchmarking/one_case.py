"""Measures one case: prepares, checks and times every implementation, and makes the records."""

import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from ..records import OURS, Case, Clocks, Error, Record, Times
from .cases import CaseSpec, Problem
from .earlier import Earlier
from .implementations import Implementation, Unavailable
from .native import telemetry
from .timing import Clock, Contender, CpuClock, CudaClock, measure

_LEAST_TIMING_SHARE = 1 / 3  #: of the case's time, however long preparing took
_COMPILING_SECONDS = 10.0  #: a first launch that takes longer is slow even where it compiles
#: A first launch that takes longer than the one, and less than the other times what is expected, is not
#: repeated to estimate its time.
_LONG_SECONDS, _AS_EXPECTED = 0.05, 1.1


class UnusableDevice(Exception):
    """A kernel left the device in a state in which nothing runs any more."""


@dataclass
class _Entry:
    """One implementation of the case on its way to a record."""

    name: str
    kind: type[Implementation]
    implementation: Implementation | None = None
    contender: Contender | None = None
    status: str = "ok"
    reason: str | None = None
    error: Error | None = None
    setup_seconds: float | None = None

    @property
    def name_of_kind(self) -> str | None:
        """What tells an alternative that could not even be set up from the plan's choice."""
        return self.kind.__name__ if self.name == OURS and self.kind.optional else None

    def leave_out(self, status: str, reason: str) -> None:
        self.status, self.reason = status, reason


class CaseRunner:
    """Runs case after case, and remembers how fast each implementation was.

    Parameters
    ----------
    implementations : mapping
        By name, the library's own first.
    iterations : int
        Launches timed of each implementation, at most.
    seconds : float
        For one case, preparation included.
    known : sequence of Record
        Measured before; they too tell which launch would last too long.
    alternatives : sequence
        To what the library's plan chooses.
    """

    def __init__(
        self,
        implementations: Mapping[str, type[Implementation]],
        device: torch.device,
        iterations: int,
        seconds: float,
        known: Sequence[Record] = (),
        alternatives: Sequence[type[Implementation]] = (),
    ) -> None:
        self._implementations, self._alternatives, self._device = implementations, alternatives, device
        self._iterations, self._seconds = iterations, seconds
        self._clock: Clock = CudaClock(device) if device.type == "cuda" else CpuClock()
        self._earlier = Earlier(implementations, known)

    def run(self, spec: CaseSpec) -> list[Record]:
        """Records of every implementation; the device's memory is free again afterwards."""
        entries = [_Entry(name, kind) for name, kind in self._implementations.items()]
        entries += [_Entry(OURS, kind) for kind in self._alternatives]
        try:
            records = self._run(spec, entries)
        finally:
            for entry in entries:
                if entry.implementation is not None:
                    entry.implementation.close()
            del entries
            self._release_memory()
        self._earlier.note(records)
        return records

    def _run(self, spec: CaseSpec, entries: list[_Entry]) -> list[Record]:
        begin = time.monotonic()
        try:
            problem = Problem(spec, self._device)
            problem.oracle  # noqa: B018  made here: it takes the most memory
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            for entry in entries:
                entry.leave_out("skipped", f"Out of memory for the case's data: {first_line(error)}")
            return _records(entries, spec.as_case(spec.wanted_blocks))
        for entry in entries:
            self._prepare(entry, problem)
        contenders = [entry.contender for entry in entries if entry.contender is not None]
        left = max(self._seconds - (time.monotonic() - begin), _LEAST_TIMING_SHARE * self._seconds)
        clocks = measure(contenders, self._clock, self._iterations, left, self._sample)
        return _records(entries, problem.case, clocks)

    def _prepare(self, entry: _Entry, problem: Problem) -> None:
        """Set one implementation up, judge what it computes, and estimate its time."""
        if entry.kind.needs_cuda and self._device.type != "cuda":
            return entry.leave_out("skipped", "It needs a CUDA device, and this case runs on the CPU.")
        if why := self._earlier.why_not(entry.name, problem.case, self._seconds):
            return entry.leave_out("skipped", why)
        try:
            begin = time.perf_counter()
            entry.implementation = implementation = entry.kind(problem)
            self._wait()
            entry.setup_seconds = time.perf_counter() - begin
            problem.out.fill_(float("nan"))
            self._wait()
            begin = time.perf_counter()
            result = implementation.launch()
            self._wait()
            contender = Contender(implementation.launch, time.perf_counter() - begin)
            entry.error, wrong = implementation.oracle().judge(result)
            if wrong is not None:
                return entry.leave_out("wrong", wrong)
            # The first launch may load or compile code for seconds: a second one times the product, except
            # where the first took long, and yet no longer than expected.
            expected = self._earlier.expected_seconds(entry.name, problem.case) or 0.0
            as_expected = _LONG_SECONDS < contender.seconds < _AS_EXPECTED * expected
            if not as_expected and contender.seconds < max(self._seconds, _COMPILING_SECONDS):
                contender.seconds = 1e-3 * self._clock.isolated(contender, flush=False)
            entry.contender = contender
        except Unavailable as error:
            entry.leave_out("skipped", str(error))
        except Exception as error:  # peers are foreign code: none of them may end the run
            if is_out_of_memory(error):
                entry.leave_out("skipped", f"Out of memory: {first_line(error)}")
            else:
                entry.leave_out("failed", f"{type(error).__name__}: {first_line(error)}")
        self._require_usable(entry)

    def _sample(self) -> Clocks | None:
        return telemetry(self._device.index or 0)[0] if self._device.type == "cuda" else None

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _release_memory(self) -> None:
        """Free what the case held; the peers' own libraries need it as well."""
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _require_usable(self, entry: _Entry) -> None:
        try:
            self._wait()
        except RuntimeError as error:
            raise UnusableDevice(
                f"{entry.name} left the device unusable ({first_line(error)}). What was measured before is "
                f"kept: go on with --resume and --peers without {entry.name}."
            ) from error


def _records(entries: Sequence[_Entry], case: Case, clocks: Clocks | None = None) -> list[Record]:
    """Of all entries but the optional ones that do not apply."""
    kept = [entry for entry in entries if not (entry.kind.optional and entry.status == "skipped")]
    return [_record(entry, case, clocks if entry.contender else None) for entry in kept]


def _record(entry: _Entry, case: Case, clocks: Clocks | None) -> Record:
    times = entry.contender.times() if entry.contender else Times()
    dense_tflops = case.dense_flop / times.warm.median / 1e9 if times.warm else None
    stored_tflops = case.stored_flop / times.warm.median / 1e9 if times.warm else None
    kind, implementation = entry.kind, entry.implementation
    return Record(
        case=case,
        implementation=entry.name,
        status=entry.status,
        reason=entry.reason,
        other_pattern=kind.other_pattern,
        time_ms=times,
        work=kind.work,
        executed_tflops=dense_tflops if kind.work == "dense" else stored_tflops,
        dense_equivalent_tflops=dense_tflops,
        error=entry.error,
        clocks=clocks,
        kernel=implementation.kernel if implementation else None,
        plan=implementation.plan if implementation else None,
        settings=implementation.settings if implementation else entry.name_of_kind,
        setup_seconds=entry.setup_seconds,
    )


def is_out_of_memory(error: Exception) -> bool:
    """Whether the GPU, through PyTorch or CUDA, or the host has no memory left."""
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(
        words in text for words in ("out of memory", "can't allocate memory", "cannot allocate memory")
    )


def first_line(error: Exception) -> str:
    """What a sentence can quote of an error."""
    return (str(error).strip() or "no message").splitlines()[0]
