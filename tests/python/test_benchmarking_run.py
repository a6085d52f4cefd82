"""A whole run of the benchmark: interruption, going on, and what it counts on the side."""

import dataclasses
import time
from pathlib import Path

import pytest
import torch
from invented_peers import CPU, SPEC, Dense

from blackwellsparsek.benchmarking import environment, run
from blackwellsparsek.benchmarking.cases import make_specs
from blackwellsparsek.benchmarking.implementations import Bsk
from blackwellsparsek.benchmarking.one_case import CaseRunner, UnusableDevice
from blackwellsparsek.records import partial_path, read_results


def options(output: Path, specs=(SPEC,), resume: bool = False, **implementations) -> run.Options:
    return run.Options(specs, {"bsk": Bsk, **implementations}, CPU, 3, 5.0, output, resume, {"sizes": [128]})


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


@pytest.mark.parametrize(
    ("field", "words"), [("gpu", "Other GPU"), ("kernels_sha256", "0123"), ("plan_sha256", "4567")]
)
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
