"""Times several implementations of one case in turns, within a time limit."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

import torch

from ..measure import sleep_while_enqueueing
from ..records import Clocks, Spread, Times

_FLUSH_L2_SIZES = 4  #: the buffer that is read to flush L2, in sizes of L2
_FLUSH_LINE = 4096  #: elements that are added up to one: so short that PyTorch needs no scratch memory
_LEAST_RUNS = 3
_BATCHES, _BATCH_LAUNCHES = 3, 20  #: of back-to-back launches, the median batch of which counts
_WARM_UP_ROUNDS = 2
_SHARE_ISOLATED = 0.35  #: of an implementation's time, for warm launches and for cold ones
_SHARE_BACK_TO_BACK = 0.2
_MOST_HOST_SECONDS = 4e-3  #: that enqueueing counts with: a launch may compile, or synchronise


@dataclass
class Contender:
    """One implementation while it is timed."""

    launch: Callable[[], object]
    seconds: float  #: of one launch, roughly
    host_seconds: float = 0.0  #: of enqueueing it
    warm: list[float] = field(default_factory=list)  #: milliseconds
    cold: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    host: list[float] = field(default_factory=list)

    def times(self) -> Times:
        return Times(spread(self.cold), spread(self.warm), _median(self.batches), _median(self.host))


def under_load(samples: Sequence[Clocks]) -> Clocks | None:
    """Medians of the clocks, and every throttle reason that was seen; None of nothing."""
    if not samples:
        return None
    mhz = [clocks.sm_mhz for clocks in samples if clocks.sm_mhz is not None]
    power = [clocks.power_w for clocks in samples if clocks.power_w is not None]
    reasons = {reason for clocks in samples for reason in clocks.throttle_reasons}
    return Clocks(_median(mhz), _median(power), tuple(sorted(reasons)))


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def spread(milliseconds: Sequence[float]) -> Spread | None:
    """Order statistics; None of nothing."""
    if not milliseconds:
        return None
    values = torch.tensor(sorted(milliseconds), dtype=torch.float64)
    p10, middle, p90 = torch.quantile(values, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)).tolist()
    return Spread(middle, p10, p90, values[0].item(), values[-1].item(), len(values))


class CpuClock:
    """Wall-clock times. There is no cache to flush and no queue."""

    flushes = False

    def isolated(self, contender: Contender, flush: bool) -> float:
        """Milliseconds of one launch on an idle device."""
        del flush
        begin = time.perf_counter()
        contender.launch()
        return 1e3 * (time.perf_counter() - begin)

    def back_to_back(self, contender: Contender, count: int, meanwhile: Callable[[], None]) -> None:
        """Milliseconds of a launch in a full queue; None where there is no queue."""
        del contender, count, meanwhile


class L2Flush:
    """Replaces what L2 holds.

    It reads: had it written, L2 would be full of lines that the launch timed next has to write back first,
    which takes that launch up to 5 us more (docs/worklog/skinny.md).
    """

    def __init__(self, l2_bytes: int, device: torch.device) -> None:
        lines = -(-_FLUSH_L2_SIZES * l2_bytes // (4 * _FLUSH_LINE))
        self._buffer = torch.zeros(lines, _FLUSH_LINE, dtype=torch.float32, device=device)
        self._sums = torch.empty(lines, dtype=torch.float32, device=device)

    def __call__(self) -> None:
        torch.sum(self._buffer, dim=1, out=self._sums)


class CudaClock:
    """Times between events on the current stream, which waits until the host has enqueued all of it."""

    flushes = True

    def __init__(self, device: torch.device) -> None:
        self._flush = L2Flush(torch.cuda.get_device_properties(device).L2_cache_size, device)
        self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def isolated(self, contender: Contender, flush: bool) -> float:
        if flush:
            self._flush()
        return self._elapsed(contender, 1, lambda: None)

    def back_to_back(self, contender: Contender, count: int, meanwhile: Callable[[], None]) -> float:
        return self._elapsed(contender, count, meanwhile) / count

    def _elapsed(self, contender: Contender, count: int, meanwhile: Callable[[], None]) -> float:
        sleep_while_enqueueing(count * contender.host_seconds)
        enqueue = time.perf_counter()
        self._begin.record()
        for _ in range(count):
            contender.launch()
        self._end.record()
        latest = (time.perf_counter() - enqueue) / count
        contender.host.append(1e3 * latest)
        # It varies from launch to launch.
        contender.host_seconds = max(min(latest, _MOST_HOST_SECONDS), 0.8 * contender.host_seconds)
        meanwhile()
        self._end.synchronize()
        return self._begin.elapsed_time(self._end)


Clock = CpuClock | CudaClock


def measure(
    contenders: Sequence[Contender],
    clock: Clock,
    iterations: int,
    seconds: float,
    sample: Callable[[], Clocks | None],
) -> Clocks | None:
    """Fill the contenders' times: launch by launch in turns, every other round in reverse order.

    All implementations have the same right to `seconds`, and slow ones get what fast ones do not need. A
    slow one gets fewer launches than `iterations`, though some, spread over the rounds; one that lasts longer
    than its share is not launched again: `seconds`, from launching it once, is then its only time.

    Returns the clocks under load of them all: NVML renews its figures too rarely to tell them apart.
    """
    timed = []
    for contender, share in zip(contenders, shares(contenders, iterations, seconds), strict=True):
        if contender.seconds < share:
            timed.append(contender)
        else:  # what was launched to estimate its time is all there is time for
            contender.warm.append(1e3 * contender.seconds)
    contenders = timed
    for _ in range(_WARM_UP_ROUNDS):
        for contender in contenders:
            if _affordable(seconds / len(contenders), contender, iterations) >= _LEAST_RUNS:
                latest = 1e-3 * clock.isolated(contender, flush=False)
                contender.seconds = min(contender.seconds, latest)
    each = shares(contenders, iterations, seconds)
    least = min(_LEAST_RUNS, iterations)  # a median and a spread need some, even where they cost more
    runs = [
        max(least, _affordable(_SHARE_ISOLATED * share, contender, iterations))
        for contender, share in zip(contenders, each, strict=True)
    ]
    order = list(range(len(contenders)))
    for turn in range(max(runs, default=0)):
        for index in order if turn % 2 == 0 else reversed(order):
            if (turn + 1) * runs[index] // max(runs) > turn * runs[index] // max(runs):
                contender = contenders[index]
                contender.warm.append(clock.isolated(contender, flush=False))
                if clock.flushes:
                    contender.cold.append(clock.isolated(contender, flush=True))
    clocks: list[Clocks] = []

    def take_clocks() -> None:
        if (now := sample()) is not None:
            clocks.append(now)

    for contender, share in zip(contenders, each, strict=True):
        _fill_queue(contender, clock, _SHARE_BACK_TO_BACK * share, take_clocks)
    return under_load(clocks)


def shares(contenders: Sequence[Contender], iterations: int, seconds: float) -> list[float]:
    """Seconds for each: what all of its launches take, at most its part of what faster ones leave."""
    launches = max(iterations / _SHARE_ISOLATED, _BATCHES * _BATCH_LAUNCHES / _SHARE_BACK_TO_BACK)
    result = [0.0] * len(contenders)
    fastest_first = sorted(range(len(contenders)), key=lambda index: contenders[index].seconds)
    for done, index in enumerate(fastest_first):
        result[index] = min(launches * contenders[index].seconds, seconds / (len(contenders) - done))
        seconds -= result[index]
    return result


def _fill_queue(contender: Contender, clock: Clock, seconds: float, take_clocks: Callable[[], None]) -> None:
    """Time launches that follow each other, and take clocks and power meanwhile."""
    count = _affordable(seconds / _BATCHES, contender, _BATCH_LAUNCHES)
    for _ in range(_BATCHES if count > 1 else 1):
        milliseconds = clock.back_to_back(contender, count, take_clocks)
        if milliseconds is not None:
            contender.batches.append(milliseconds)


def _affordable(seconds: float, contender: Contender, most: int) -> int:
    """How often a launch fits into `seconds`, at least once."""
    return max(1, min(most, int(seconds / max(contender.seconds, 1e-9))))
