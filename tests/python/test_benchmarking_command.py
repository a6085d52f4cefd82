"""The command line of the benchmark: its flags, and Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from blackwellsparsek.benchmarking.registry import IMPLEMENTATIONS
from blackwellsparsek.records import read_results


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
    assert {record.implementation for record in results.records} == set(IMPLEMENTATIONS)
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


def test_ctrl_c_leaves_a_readable_file_and_exit_code_130(repository, tmp_path):
    output = tmp_path / "results.json"
    flags = [*SMALL, "--sizes", "64", "128", "256", "512", "--iterations", "5", "--output", str(output)]
    process = subprocess.Popen(
        command(repository, *flags),
        env={**os.environ, "PYTHONPATH": str(repository / "python"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("[2/"):
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in errors
    assert len(read_results(output).records) >= len(IMPLEMENTATIONS)
