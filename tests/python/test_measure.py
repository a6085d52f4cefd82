"""Timing in turns: on CUDA, rehearsed with stand-ins, behind a wait that covers what the host takes."""

import contextlib
import time

import pytest
import torch

from blackwellsparsek import measure


class Device:
    """Stands in for a CUDA device: what is enqueued on its stream, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.enqueued: list[object] = []
        monkeypatch.setattr(torch.cuda, "Event", lambda enable_timing: Event(self))
        monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
        monkeypatch.setattr(torch.cuda, "_sleep", self.enqueued.append)


class Event:
    def __init__(self, device: Device) -> None:
        self.device = device

    def record(self) -> None:
        self.device.enqueued.append(self)

    def synchronize(self) -> None:
        assert self in self.device.enqueued

    def elapsed_time(self, end: "Event") -> float:
        between = self.device.enqueued[self.device.enqueued.index(self) + 1 : self.device.enqueued.index(end)]
        return float(sum(between))  # calls enqueue their milliseconds


def test_functions_are_timed_in_turns_on_the_cpu():
    calls = []
    functions = [lambda: calls.append("fast"), lambda: (calls.append("slow"), time.sleep(0.01))]
    fast, slow = measure.interleaved_medians(functions, 3, torch.device("cpu"), warm_up=2)
    assert calls == ["fast", "slow"] * 5
    assert fast < 0.01 <= slow


def test_the_stream_waits_for_longer_than_the_host_enqueues(monkeypatch):
    device = Device(monkeypatch)
    host_seconds = 0.02

    def function() -> None:
        time.sleep(host_seconds)
        device.enqueued.append(3.0)

    (seconds,) = measure.interleaved_medians([function], 2, torch.device("cuda"), host_ahead=True)
    assert seconds == pytest.approx(3e-3)
    waits = device.enqueued[::4]
    assert len(waits) == 3
    assert all(wait / 2e9 > host_seconds for wait in waits[1:])
    assert waits[0] / 2e9 == pytest.approx(50e-6)


def test_the_hosts_time_counts_unless_it_is_ahead(monkeypatch):
    device = Device(monkeypatch)
    measure.interleaved_medians([lambda: device.enqueued.append(3.0)], 1, torch.device("cuda"))
    begin, milliseconds, end = device.enqueued[:3]
    assert isinstance(begin, Event) and milliseconds == 3.0 and isinstance(end, Event)
