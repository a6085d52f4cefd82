"""Timing of calls in turns."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch

_SLEEP_CYCLES_PER_SECOND = 2e9  #: at least the SM clock of any GPU here
_LEAST_SLEEP_SECONDS = 50e-6
_MOST_WAITED_SECONDS = 20e-3  #: of the host's: a call may compile, or synchronise


def sleep_while_enqueueing(host_seconds: float) -> None:
    """Keep the current stream busy for longer than the host takes to enqueue what is timed next.

    Without that, the host's own time would count wherever it is longer than the kernels'.
    """
    wait = _LEAST_SLEEP_SECONDS + 1.5 * min(host_seconds, _MOST_WAITED_SECONDS)
    torch.cuda._sleep(int(wait * _SLEEP_CYCLES_PER_SECOND))


def interleaved_medians(
    functions: Sequence[Callable[[], object]],
    repetitions: int,
    device: torch.device,
    warm_up: int = 1,
    host_ahead: bool = False,
) -> list[float]:
    """Median seconds of each function, called in turn so that clocks and other load meet them alike.

    On CUDA the time between events around each call, which counts what the host takes to enqueue it, unless
    `host_ahead`: then the stream waits until the host has. On the CPU the wall clock.
    """
    times: list[list[float]] = [[] for _ in functions]
    host_seconds = [0.0] * len(functions)
    for turn in range(warm_up + repetitions):  # warming up makes plans, compiles and fills caches
        for i, function in enumerate(functions):
            wait = host_seconds[i] if host_ahead else None
            seconds, host_seconds[i] = _seconds(function, device, wait)
            if turn >= warm_up:
                times[i].append(seconds)
    return [median(samples) for samples in times]


def _seconds(
    function: Callable[[], object], device: torch.device, host_seconds: float | None
) -> tuple[float, float]:
    """Seconds of the call and, of enqueueing it, on the host; `host_seconds` are to be waited for first."""
    if device.type == "cpu":
        begin = time.perf_counter()
        function()
        seconds = time.perf_counter() - begin
        return seconds, seconds
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with torch.cuda.device(device):  # which need not be the current one
        if host_seconds is not None:
            sleep_while_enqueueing(host_seconds)
        enqueue = time.perf_counter()
        begin.record()
        function()
        end.record()
        host_seconds = time.perf_counter() - enqueue
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3, host_seconds
