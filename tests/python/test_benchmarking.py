"""The benchmark of one case: right, slow, wrong, absent and failing implementations; turns and time."""

import dataclasses
import time
from types import SimpleNamespace

import pytest
import torch
from invented_peers import CPU, SPEC, Dense

from blackwellsparsek.benchmarking import one_case
from blackwellsparsek.benchmarking.alternatives import HalvedBlocks, Sm90, halved
from blackwellsparsek.benchmarking.cases import BOUND, CaseSpec, Problem
from blackwellsparsek.benchmarking.implementations import Bsk, Implementation, Unavailable
from blackwellsparsek.benchmarking.one_case import CaseRunner
from blackwellsparsek.benchmarking.summary import summary
from blackwellsparsek.benchmarking.timing import Contender, CpuClock, CudaClock, L2Flush, measure, spread


class OffByABit(Dense):
    def launch(self):
        return super().launch().add_(2 * BOUND)


class ForgetsRows(Dense):
    def launch(self):
        super().launch()[5] = float("nan")
        return self.problem.out


class Slow(Dense):
    def launch(self):
        time.sleep(0.02)
        return super().launch()


class Compiles(Dense):
    """Takes longer than the whole case for its first launch, as a kernel does that is compiled then."""

    compiled = False

    def launch(self):
        if not self.compiled:
            time.sleep(0.6)
            self.compiled = True
        return super().launch()


class Absent(Dense):
    def __init__(self, problem):
        raise Unavailable("It is not installed.")


class OutOfMemory(Dense):
    def launch(self):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")


class Broken(Dense):
    def launch(self):
        raise RuntimeError("no kernel image\nmore")


def records_of(*kinds: type[Implementation], seconds: float = 0.3, iterations: int = 20, known=()) -> dict:
    implementations = {"bsk": Bsk, **{kind.__name__: kind for kind in kinds}}
    records = CaseRunner(implementations, CPU, iterations, seconds, known).run(SPEC)
    assert [record.implementation for record in records] == list(implementations)
    return {record.implementation: record for record in records}


def test_right_implementations_have_times_rates_and_errors():
    record = records_of(Dense)["Dense"]
    assert record.status == "ok"
    assert record.time_ms.warm.count >= 1
    assert record.error.max_diff < BOUND
    flop = 2 * 128 * 128 * 96
    assert record.dense_equivalent_tflops == pytest.approx(flop / record.warm_ms / 1e9)
    assert record.executed_tflops == pytest.approx(record.dense_equivalent_tflops * record.case.density)


def test_wrong_implementations_are_marked_and_neither_timed_nor_compared():
    records = records_of(OffByABit, ForgetsRows)
    for name, words in (("OffByABit", "off by"), ("ForgetsRows", "NaN")):
        assert records[name].status == "wrong"
        assert words in records[name].reason
        assert records[name].warm_ms is None
        assert name not in summary(list(records.values()))


def test_absent_failing_and_hungry_implementations_say_why_and_harm_nobody():
    records = records_of(Absent, OutOfMemory, Broken, Dense)
    assert (records["Absent"].status, records["Absent"].reason) == ("skipped", "It is not installed.")
    assert records["OutOfMemory"].status == "skipped"
    assert records["OutOfMemory"].reason.startswith("Out of memory: CUDA out of memory.")
    assert (records["Broken"].status, records["Broken"].reason) == ("failed", "RuntimeError: no kernel image")
    assert records["Dense"].status == records["bsk"].status == "ok"


def test_data_that_does_not_fit_skips_the_case(monkeypatch):
    def refuse(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(one_case, "Problem", refuse)
    for record in records_of(Dense).values():
        assert record.status == "skipped"
        assert "case's data" in record.reason
        assert record.case.nnzb == 32


def test_slow_implementations_are_bounded_by_time_and_fast_ones_by_the_iterations():
    fast = Contender(lambda: None, 1e-6)
    slow = Contender(lambda: time.sleep(0.02), 0.02)
    too_slow = Contender(lambda: time.sleep(10), 10.0)
    begin = time.monotonic()
    measure([fast, slow, too_slow], CpuClock(), iterations=50, seconds=0.6, sample=lambda: None)
    assert time.monotonic() - begin < 2
    assert len(fast.warm) == 50
    assert 6 <= len(slow.warm) <= 11  # it gets what the other two leave
    assert too_slow.warm == [10e3]


def test_a_product_that_does_not_depend_on_the_pattern_is_measured_once_a_size():
    class OtherProduct(Dense):
        other_pattern = True

        @classmethod
        def product(cls, case):
            return case.m, case.n, case.k, case.dtype

    def statuses(runner, **changes):
        records = {r.implementation: r for r in runner.run(dataclasses.replace(SPEC, **changes))}
        return [records[name].status for name in ("Other", "Same")], records["Other"]

    kinds = {"Other": OtherProduct, "Same": Dense}
    runner = CaseRunner(kinds, CPU, 3, 1.0)
    assert statuses(runner)[0] == ["ok", "ok"]
    found, other = statuses(runner, sparsity=0.75)
    assert found == ["skipped", "ok"]
    assert "measured with block 16, sparsity 0.5." in other.reason
    assert statuses(runner, size=64)[0] == ["ok", "ok"]
    assert statuses(runner)[0] == ["ok", "ok"]  # the case itself is measured anew
    resumed = CaseRunner(kinds, CPU, 3, 1.0, known=runner.run(SPEC))
    assert statuses(resumed, sparsity=0.75)[0] == ["skipped", "ok"]


def test_an_estimate_that_was_disturbed_is_corrected():
    contender = Contender(lambda: None, 0.1)
    measure([contender], CpuClock(), iterations=50, seconds=1.0, sample=lambda: None)
    assert len(contender.warm) == 50


def test_compiling_is_no_time_of_the_product():
    times = records_of(Compiles, seconds=0.55)["Compiles"].time_ms
    assert times.warm.max < 600


def test_a_launch_that_would_last_too_long_is_not_tried():
    known = records_of(Slow, seconds=0.5)["Slow"]
    later = records_of(Slow, seconds=known.warm_ms * 1e-3 / 2, known=[known])["Slow"]
    assert later.status == "skipped"
    assert "--time-budget" in later.reason


def test_the_slowest_block_tells_of_one_that_was_not_measured():
    known = records_of(Slow, seconds=0.5)["Slow"]
    elsewhere = dataclasses.replace(known, case=dataclasses.replace(known.case, block=64, nnzb=2))
    later = records_of(Slow, seconds=known.warm_ms * 1e-3 / 2, known=[elsewhere])["Slow"]
    assert later.status == "skipped"


def test_launches_are_in_turns_every_other_round_backwards():
    order = []
    contenders = [Contender(lambda name=name: order.append(name), 1e-6) for name in "abc"]
    measure(contenders, CpuClock(), iterations=4, seconds=1, sample=lambda: None)
    assert "".join(order) == "abc" * 2 + "abccba" * 2
    assert [len(contender.warm) for contender in contenders] == [4, 4, 4]


@pytest.mark.parametrize("l2_bytes", [1 << 20, 5_000_001])
def test_l2_is_flushed_by_reading_more_than_it_holds(l2_bytes):
    flush = L2Flush(l2_bytes, CPU)
    assert flush._buffer.nbytes >= 2 * l2_bytes
    flush._buffer.fill_(1)
    version, place = flush._buffer._version, flush._sums.data_ptr()
    flush()
    assert flush._sums.sum().item() == flush._buffer.numel()  # all of it was read
    assert flush._buffer._version == version  # and none of it written
    assert flush._sums.data_ptr() == place


def test_l2_is_flushed_before_the_time_begins_where_that_is_asked_for(monkeypatch):
    stream = []

    class Event:
        def __init__(self, enable_timing):
            pass

        def record(self):
            stream.append("event")

        def synchronize(self):
            pass

        def elapsed_time(self, end):
            return 0.5

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(L2_cache_size=1 << 16))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "_sleep", lambda cycles: stream.append("sleep"))
    monkeypatch.setattr(L2Flush, "__call__", lambda self: stream.append("flush"))
    clock = CudaClock(CPU)
    contender = Contender(lambda: stream.append("launch"), 1e-6)
    assert clock.isolated(contender, flush=True) == 0.5
    assert stream == ["flush", "sleep", "event", "launch", "event"]
    stream.clear()
    clock.isolated(contender, flush=False)
    assert stream == ["sleep", "event", "launch", "event"]


def test_spread_is_ordered():
    found = spread([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (found.median, found.min, found.max, found.count) == (3, 1, 5, 5)
    assert found.min < found.p10 < found.median < found.p90 < found.max
    assert spread([]) is None


def test_halved_blocks_are_the_same_matrix():
    A = Problem(CaseSpec(256, 16, 32, 0.6, "float32", "power_law"), CPU).A
    cut = halved(A)
    assert cut.values().shape[1:] == (16, 16)
    assert cut.values().shape[0] == 4 * A.values().shape[0]
    torch.sparse_bsr_tensor(
        cut.crow_indices(), cut.col_indices(), cut.values(), size=cut.shape, check_invariants=True
    )
    assert torch.equal(cut.to_dense(), A.to_dense())


def test_alternatives_are_ours_by_their_settings_and_leave_no_record_where_they_do_not_apply():
    class OnCpu(HalvedBlocks):
        needs_cuda = False

    class Hopper(Sm90):
        needs_cuda = False

    class Fails(OnCpu):
        def launch(self):
            raise RuntimeError("no kernel image")

    spec = dataclasses.replace(SPEC, block=32)
    runner = CaseRunner({"bsk": Bsk, "Dense": Dense}, CPU, 3, 1.0, alternatives=(OnCpu, Hopper, Fails))
    records = runner.run(spec)
    assert [(r.implementation, r.settings, r.status) for r in records] == [
        ("bsk", None, "ok"),
        ("Dense", None, "ok"),
        ("bsk", "blocks cut to 16, spmm_cpu", "ok"),
        ("bsk", "blocks cut to 16, spmm_cpu", "failed"),
    ]
    assert len({record.key for record in records[:3]}) == 3
    assert records[2].error.max_diff < BOUND
    assert "bsk with blocks cut to 16" in summary(records)
