"""Timing of calls in turns."""

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch


def interleaved_medians(
    functions: Sequence[Callable[[], object]],
    repetitions: int,
    device: torch.device,
    warm_up: int = 1,
) -> list[float]:
    """Median seconds of each function, called in turn so that clocks and other load meet them alike.

    On CUDA the time between events around each call, on the CPU the wall clock.
    """
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(warm_up + repetitions):  # warming up makes plans, compiles and fills caches
        for function, samples in zip(functions, times, strict=True):
            seconds = _seconds(function, device)
            if turn >= warm_up:
                samples.append(seconds)
    return [median(samples) for samples in times]


def _seconds(function: Callable[[], object], device: torch.device) -> float:
    if device.type == "cpu":
        begin = time.perf_counter()
        function()
        return time.perf_counter() - begin
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    stream = torch.cuda.current_stream(device)  # which need not be of the current device
    begin.record(stream)
    function()
    end.record(stream)
    end.synchronize()
    return begin.elapsed_time(end) * 1e-3
