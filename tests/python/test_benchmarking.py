"""The benchmark: its data and oracle; slow, wrong, absent and failing implementations; interruption."""

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from blackwellsparsek.benchmarking import environment, one_case, run
from blackwellsparsek.benchmarking.alternatives import HalvedBlocks, Sm90, halved
from blackwellsparsek.benchmarking.cases import BOUND, CaseSpec, Oracle, Problem, make_specs
from blackwellsparsek.benchmarking.implementations import Bsk, Implementation, Unavailable
from blackwellsparsek.benchmarking.one_case import CaseRunner, UnusableDevice
from blackwellsparsek.benchmarking.patterns import PATTERNS, block_mask
from blackwellsparsek.benchmarking.summary import summary
from blackwellsparsek.benchmarking.timing import Contender, CpuClock, measure, spread
from blackwellsparsek.records import partial_path, read_results

CPU = torch.device("cpu")
SPEC = CaseSpec(128, 96, 16, 0.5, "float32", "uniform")


class Dense(Implementation):
    """The right product, by PyTorch."""

    needs_cuda = False

    def launch(self):
        return torch.mm(self.problem.dense, self.problem.B, out=self.problem.out)


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


def options(output: Path, specs=(SPEC,), resume: bool = False, **implementations) -> run.Options:
    return run.Options(specs, {"bsk": Bsk, **implementations}, CPU, 3, 5.0, output, resume, {"sizes": [128]})


# --- cases and oracle --------------------------------------------------------------------------------------


def test_cases_are_every_combination_square_unless_n_is_given():
    specs = make_specs([128, 256], [0.5, 0.9], [16, 32], ["float16"], ["uniform", "banded"], [])
    assert len(specs) == len(set(specs)) == 16
    assert all(spec.n == spec.size for spec in specs)
    assert [spec.n for spec in make_specs([128], [0.5], [16], ["float16"], ["uniform"], [8, 64])] == [8, 64]


@pytest.mark.parametrize(("size", "sparsity", "words"), [(100, 0.5, "multiple"), (128, 1.0, "sparsity")])
def test_impossible_cases_are_refused_in_words(size, sparsity, words):
    with pytest.raises(ValueError, match=words):
        CaseSpec(size, 64, 16, sparsity, "float16", "uniform")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_case_tells_what_was_generated(pattern):
    problem = Problem(CaseSpec(256, 32, 16, 0.7, "float32", pattern), CPU)
    stored = problem.A.values().shape[0]
    assert problem.case.nnzb == stored > 0
    assert problem.case.density == stored / 16**2
    blocks = problem.dense.view(16, 16, 16, 16).abs().amax(dim=(1, 3)) > 0
    assert torch.equal(blocks, torch.from_numpy(block_mask(pattern, 16, 0.3, np.random.default_rng(1))))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_products_are_of_order_one_so_that_the_bound_has_a_meaning(dtype):
    problem = Problem(CaseSpec(512, 64, 16, 0.78, dtype, "uniform"), CPU)
    product = problem.dense.float() @ problem.B.float()
    assert 0.7 < product.abs().max().item() < 2
    rounded = product.to(problem.dtype)
    error, wrong = problem.oracle.judge(rounded)
    assert wrong is None
    assert error.max_diff < BOUND / 2


def test_blocked_ell_and_2to4_hold_what_they_say():
    problem = Problem(CaseSpec(256, 16, 32, 0.6, "float16", "power_law"), CPU)
    ell = problem.blocked_ell
    dense = torch.zeros(8, 32, 8, 32, dtype=torch.float16)
    for row in range(8):
        for slot in range(ell.width):
            block = ell.values.view(8, 32, ell.width, 32)[row, :, slot]
            if ell.indices[row, slot] >= 0:
                dense[row, :, ell.indices[row, slot]] = block
            else:
                assert not block.any()
    assert torch.equal(dense.view(256, 256), problem.dense)
    assert ((problem.two_to_four.view(256, -1, 4) != 0).sum(-1) <= 2).all()
    assert (problem.two_to_four != 0).float().mean() > 0.49


def test_one_wrong_element_anywhere_is_found_if_it_is_not_finite():
    problem = Problem(SPEC, CPU)
    right = problem.dense @ problem.B
    assert problem.oracle.judge(right)[1] is None
    for place in ((0, 0), (127, 95), (64, 3)):
        wrong = right.clone()
        wrong[place] = float("inf")
        assert problem.oracle.judge(wrong) == (None, "The result holds NaN or infinity.")


def test_a_result_that_is_slightly_off_everywhere_is_wrong():
    problem = Problem(SPEC, CPU)
    right = problem.dense @ problem.B
    error, wrong = problem.oracle.judge(right * 1.006)
    assert error.max_diff < BOUND
    assert "relative error" in wrong


def test_the_oracle_judges_by_sums_in_double_precision():
    a = (
        torch.cat([torch.full((1, 2048), 1.0), torch.full((1, 1), 2.0**-11).expand(1, 2048)])
        .half()
        .t()
        .contiguous()
    )
    oracle = Oracle(a, torch.ones(2, 8, dtype=torch.float16), seed=1)
    assert oracle._expected.unique().tolist() == [1 + 2.0**-11]


# --- one case ----------------------------------------------------------------------------------------------


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


# --- a whole run -------------------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_finished_cases_and_resumes_with_the_others(tmp_path):
    output = tmp_path / "results.json"
    specs = make_specs([64, 128], [0.5], [16], ["float32"], ["uniform"], [])
    measured = []

    class Interrupted(Dense):
        def launch(self):
            if self.problem.spec.size == 128:
                raise KeyboardInterrupt
            measured.append(self.problem.spec.size)
            return super().launch()

    with pytest.raises(KeyboardInterrupt):
        run.run(options(output, specs, peer=Interrupted))
    assert {record.case.m for record in read_results(output).records} == {64}
    assert read_results(partial_path(output)).records == read_results(output).records

    measured.clear()
    with pytest.raises(run.CannotResume, match="--resume"):
        run.run(options(output, specs, peer=Dense))
    results = run.run(options(output, specs, resume=True, peer=Dense))
    assert measured == []
    assert [(record.case.m, record.implementation) for record in results.records] == [
        (64, "bsk"),
        (64, "peer"),
        (128, "bsk"),
        (128, "peer"),
    ]
    assert read_results(output).records == results.records
    assert not partial_path(output).exists()


def test_a_device_that_a_peer_broke_ends_the_run_and_keeps_what_there_is(tmp_path, monkeypatch):
    class BreaksDevice(Dense):
        def launch(self):
            monkeypatch.setattr(CaseRunner, "_wait", fail)
            raise RuntimeError("an illegal memory access was encountered")

    def fail(_):
        raise RuntimeError("an illegal memory access was encountered")

    output = tmp_path / "results.json"
    specs = make_specs([64], [0.5, 0.9], [16], ["float32"], ["uniform"], [])
    run.run(options(output, specs[:1], peer=Dense))
    with pytest.raises(UnusableDevice, match="peer left the device unusable"):
        run.run(options(output, specs, resume=True, peer=BreaksDevice))
    assert len(read_results(output).records) == 2


def test_a_peer_that_was_not_asked_for_before_is_measured_with_its_whole_case(tmp_path):
    output = tmp_path / "results.json"
    first = run.run(options(output))
    second = run.run(options(output, resume=True, peer=Dense))
    assert len(second.records) == 2
    assert first.records[0] not in second.records


@pytest.mark.parametrize(("field", "words"), [("gpu", "Other GPU"), ("kernels_sha256", "0123")])
def test_records_of_another_gpu_or_other_kernels_are_not_mixed_in(tmp_path, monkeypatch, field, words):
    output = tmp_path / "results.json"
    run.run(options(output))
    before = output.read_bytes()
    gather = environment.gather

    def elsewhere(device, command):
        return dataclasses.replace(gather(device, command), **{field: words})

    monkeypatch.setattr(run, "gather", elsewhere)
    with pytest.raises(run.CannotResume, match=words):
        run.run(options(output, resume=True))
    assert output.read_bytes() == before


def disassembler(tmp_path: Path, monkeypatch, script: str) -> environment.InstructionCount:
    """Counts by a cuobjdump that is this script."""
    tool = tmp_path / "cuobjdump"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return environment.InstructionCount(torch.device("cuda"))


def test_instructions_are_counted_while_cases_are_measured(tmp_path, monkeypatch):
    known = environment.gather(CPU, "")
    count = disassembler(tmp_path, monkeypatch, "sleep 0.5; printf 'HGMMA.64x256\\nUTMALDG.2D\\nHGMMA\\n'")
    assert count.added_to(known) == known
    found = count.added_to(known, 10)
    assert (found.hgmma, found.utmaldg) == (2, 1)
    assert count.added_to(known) == found


def test_a_disassembler_that_fails_or_is_stopped_counts_nothing(tmp_path, monkeypatch):
    known = environment.gather(CPU, "")
    assert disassembler(tmp_path, monkeypatch, "exit 1").added_to(known, 10) == known
    begin = time.monotonic()
    disassembler(tmp_path, monkeypatch, "sleep 60").stop()
    assert time.monotonic() - begin < 5


def test_nothing_measured_yet_is_nothing_to_resume_from(tmp_path):
    assert len(run.run(options(tmp_path / "new" / "results.json", resume=True)).records) == 1
