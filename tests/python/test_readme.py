"""The examples of README.md do what it says: each code block is run as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = 300  # seconds


def code_block(repository: Path, language: str) -> str:
    """Return the one block of `language` in README.md."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", (repository / "README.md").read_text(), re.M | re.S)
    assert len(blocks) == 1, f"README.md has {len(blocks)} blocks of {language}"
    return blocks[0]


def run(command: list[str | Path], cwd: Path, **environment: str) -> str:
    """Run a command, fail with its output if it fails, and return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=LIMIT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python_example(repository: Path, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code_block(repository, "python"))
    run([sys.executable, script], tmp_path, PYTHONPATH=str(repository / "python"))


def test_command_line_example(repository: Path, tmp_path: Path, bsk_binary: Path) -> None:
    path = f"{bsk_binary.parent}{os.pathsep}{os.environ['PATH']}"
    output = run(["bash", "-euc", code_block(repository, "sh")], tmp_path, PATH=path)
    assert "Predicted:" in output
    records = (tmp_path / "bench.jsonl").read_text().splitlines()
    assert sum('"implementation":"bsk"' in record for record in records) == 2


def test_cpp_example(repository: Path, tmp_path: Path, bsk_binary: Path) -> None:
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    build = bsk_binary.parent.parent
    source = tmp_path / "example.cpp"
    source.write_text(code_block(repository, "cpp"))
    run(["cmake", "--install", build, "--component", "bsk", "--prefix", tmp_path / "prefix"], tmp_path)
    run(
        [
            *("cmake", "-G", "Ninja"),
            *("-S", repository / "tests/consumer/cpp"),
            *("-B", tmp_path / "build"),
            f"-DCMAKE_PREFIX_PATH={tmp_path / 'prefix'}",
            f"-DCONSUMER_SOURCE={source}",
        ],
        tmp_path,
    )
    run(["cmake", "--build", tmp_path / "build"], tmp_path)
    assert "spmm_cpu" in run([tmp_path / "build" / "consumer"], tmp_path)
