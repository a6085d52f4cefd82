"""The command line of the benchmark: its flags, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blackwellsparsek.benchmarking.environment import command_line
from blackwellsparsek.benchmarking.registry import IMPLEMENTATIONS
from blackwellsparsek.records import partial_path, read_results

#: What a case that none of the optional peers is for has records of.
EVERY = {name for name, kind in IMPLEMENTATIONS.items() if not kind.optional}


def command(repository: Path, *flags: str) -> list[str]:
    return [sys.executable, str(repository / "benchmarks" / "comprehensive_benchmark.py"), *flags]


def run_command(repository: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(repository / "python")}
    return subprocess.run(
        command(repository, *flags), env=environ, capture_output=True, text=True, timeout=300, check=False
    )


SMALL = ["--device", "cpu", "--block-sizes", "16", "--dtypes", "float32", "--time-budget", "5"]


def test_the_command_measures_what_its_flags_say(repository, tmp_path):
    output = tmp_path / "results.json"
    result = run_command(
        repository,
        *SMALL,
        "--sizes",
        "64",
        "--sparsity",
        "0.5",
        "0.9",
        "--iterations",
        "5",
        "--output",
        str(output),
    )
    assert result.returncode == 0, result.stderr
    assert "about" in result.stdout
    results = read_results(output)
    assert {record.case.sparsity for record in results.records} == {0.5, 0.9}
    assert {record.implementation for record in results.records} == EVERY
    for record in results.records:
        assert record.status == ("ok" if record.implementation == "bsk" else "skipped")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--sizes", "100"], "multiple"),
        (["--iterations", "0"], "positive"),
        (["--peers", "mkl"], "cublas_dense"),
    ],
)
def test_wrong_flags_are_refused_in_words(repository, tmp_path, flags, words):
    result = run_command(repository, *SMALL, "--output", str(tmp_path / "results.json"), *flags)
    assert result.returncode == 2
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


#: The benchmark with a peer whose launch at 128 never returns from C, as a call into a library may for long.
STUCK = """
import ctypes, runpy, sys
from blackwellsparsek.benchmarking import registry
from blackwellsparsek.benchmarking.implementations import CublasDense

class Stuck(CublasDense):
    needs_cuda = False

    def launch(self):
        if self.problem.spec.size == 128:
            lock = ctypes.create_string_buffer(128)
            for _ in range(2):
                print("locking", flush=True)
                ctypes.CDLL(None).pthread_mutex_lock(lock)
        return super().launch()

registry.PEERS["stuck"] = registry.IMPLEMENTATIONS["stuck"] = Stuck
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stuck", [False, True])
def test_an_interrupted_run_ends_soon_and_leaves_a_readable_file(repository, tmp_path, number, stuck):
    output = tmp_path / "results.json"
    flags = [*SMALL, "--sizes", "64", "128", "256", "512", "--iterations", "5", "--output", str(output)]
    interpreter, *rest = command(repository, *flags)
    process = subprocess.Popen(
        [interpreter, "-c", STUCK, *rest, "--peers", "stuck"] if stuck else [interpreter, *rest],
        env={**os.environ, "PYTHONPATH": str(repository / "python"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    last = "locking" if stuck else "[2/"
    for line in process.stdout:
        if line.startswith(last):
            break
    process.send_signal(number)
    begin = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - begin < 4
    assert process.returncode == 130, errors
    assert "--resume" in errors
    implementations = {"bsk", "stuck"} if stuck else EVERY
    assert {record.implementation for record in read_results(output).records} == implementations
    assert partial_path(output).exists()


OTHER_SIGNAL = """
import os, signal, time
from blackwellsparsek.benchmarking import interrupt
interrupt._GRACE_SECONDS = 0.1
signal.signal(signal.SIGUSR1, lambda *_: None)
with interrupt.prompt_interrupts(130, "interrupted"):
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.5)
    print("goes on", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
"""


def test_other_signals_do_not_end_a_run(repository):
    result = subprocess.run(
        [sys.executable, "-c", OTHER_SIGNAL],
        env={**os.environ, "PYTHONPATH": str(repository / "python")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.returncode, result.stdout) == (130, "goes on\n"), result.stderr


def test_records_do_not_say_where_the_repository_lies(repository, monkeypatch):
    program, output = repository / "benchmarks" / "comprehensive_benchmark.py", repository / "results.json"
    monkeypatch.setattr(sys, "argv", [str(program), "--output", str(output)])
    assert command_line() == "python benchmarks/comprehensive_benchmark.py --output results.json"
