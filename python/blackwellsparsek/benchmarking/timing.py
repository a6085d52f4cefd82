"""Times several implementations of one case in turns, within a time limit."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

import torch

from ..records import Clocks, Spread, Times

_FLUSH_L2_SIZES = 2  #: the buffer that is written to flush L2, in sizes of L2
_LEAST_RUNS = 3
_BATCHES, _BATCH_LAUNCHES = 3, 20  #: of back-to-back launches, the median batch of which counts
_WARM_UP_ROUNDS = 2
_SHARE_ISOLATED, _SHARE_BACK_TO_BACK = (
    0.35,
    0.2,
)  #: of an implementation's time: warm and cold each, and batches
_SLEEP_CYCLES_PER_SECOND = 2e9  #: at least the SM clock of any GPU here
_LEAST_SLEEP_SECONDS = 20e-6
_MOST_HOST_SECONDS = 0.5e-3  #: that enqueueing counts with: a launch may compile, or synchronise


@dataclass
class Contender:
    """One implementation while it is timed."""

    launch: Callable[[], object]
    seconds: float  #: of one launch, roughly
    host_seconds: float = 0.0  #: of enqueueing it
    warm: list[float] = field(default_factory=list)  #: milliseconds
    cold: list[float] = field(default_factory=list)
    batches: list[float] = field(default_factory=list)
    clocks: list[Clocks] = field(default_factory=list)

    def times(self) -> Times:
        return Times(spread(self.cold), spread(self.warm), median(self.batches) if self.batches else None)

    def load(self) -> Clocks | None:
        """Medians of the clocks under load, and every throttle reason that was seen."""
        if not self.clocks:
            return None
        mhz = [clocks.sm_mhz for clocks in self.clocks if clocks.sm_mhz is not None]
        power = [clocks.power_w for clocks in self.clocks if clocks.power_w is not None]
        reasons = {reason for clocks in self.clocks for reason in clocks.throttle_reasons}
        return Clocks(median(mhz) if mhz else None, median(power) if power else None, tuple(sorted(reasons)))


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

    def back_to_back(self, contender: Contender, count: int, under_load: Callable[[], None]) -> None:
        """Milliseconds of a launch in a full queue; None where there is no queue."""
        del contender, count, under_load


class CudaClock:
    """Times between events on the current stream, which waits until the host has enqueued all of it."""

    flushes = True

    def __init__(self, device: torch.device) -> None:
        l2_bytes = torch.cuda.get_device_properties(device).L2_cache_size
        self._flush = torch.empty(_FLUSH_L2_SIZES * l2_bytes, dtype=torch.uint8, device=device)
        self._begin, self._end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def isolated(self, contender: Contender, flush: bool) -> float:
        if flush:
            self._flush.zero_()
        return self._elapsed(contender, 1, lambda: None)

    def back_to_back(self, contender: Contender, count: int, under_load: Callable[[], None]) -> float:
        return self._elapsed(contender, count, under_load) / count

    def _elapsed(self, contender: Contender, count: int, under_load: Callable[[], None]) -> float:
        # Without the wait, the host's own time would count wherever it is longer than the kernel's.
        wait = _LEAST_SLEEP_SECONDS + 1.5 * count * contender.host_seconds
        torch.cuda._sleep(int(wait * _SLEEP_CYCLES_PER_SECOND))
        enqueue = time.perf_counter()
        self._begin.record()
        for _ in range(count):
            contender.launch()
        self._end.record()
        contender.host_seconds = min((time.perf_counter() - enqueue) / count, _MOST_HOST_SECONDS)
        under_load()
        self._end.synchronize()
        return self._begin.elapsed_time(self._end)


Clock = CpuClock | CudaClock


def measure(
    contenders: Sequence[Contender],
    clock: Clock,
    iterations: int,
    seconds: float,
    sample: Callable[[], Clocks | None],
) -> None:
    """Fill the contenders' times: launch by launch in turns, every other round in reverse order.

    Each implementation gets the same share of `seconds`; a slow one gets fewer launches than `iterations`,
    spread over the rounds, and one that fits only once into its share is launched once.
    """
    share = seconds / max(1, len(contenders))
    runs = [_affordable(_SHARE_ISOLATED * share, contender, iterations) for contender in contenders]
    for _ in range(_WARM_UP_ROUNDS):
        for contender, count in zip(contenders, runs, strict=True):
            if count >= _LEAST_RUNS:
                clock.isolated(contender, flush=False)
    order = list(range(len(contenders)))
    for turn in range(max(runs, default=0)):
        for index in order if turn % 2 == 0 else reversed(order):
            if (turn + 1) * runs[index] // max(runs) > turn * runs[index] // max(runs):
                contender = contenders[index]
                contender.warm.append(clock.isolated(contender, flush=False))
                if clock.flushes:
                    contender.cold.append(clock.isolated(contender, flush=True))
    for contender in contenders:
        count = _affordable(_SHARE_BACK_TO_BACK * share / _BATCHES, contender, _BATCH_LAUNCHES)

        def under_load(contender: Contender = contender) -> None:
            if clocks := sample():
                contender.clocks.append(clocks)

        for _ in range(_BATCHES if count > 1 else 1):
            milliseconds = clock.back_to_back(contender, count, under_load)
            if milliseconds is not None:
                contender.batches.append(milliseconds)


def _affordable(seconds: float, contender: Contender, most: int) -> int:
    """How often a launch fits into `seconds`, at least once."""
    return max(1, min(most, int(seconds / max(contender.seconds, 1e-9))))
