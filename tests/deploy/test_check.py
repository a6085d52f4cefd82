"""What the machine lacks is said before anything is sent."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from far_side import H100, FarSide, executable


@contextmanager
def small_disk(path: Path, options: str) -> Iterator[None]:
    """A tmpfs at `path`; skips where mounting is not permitted."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting a tmpfs is not permitted: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.mark.parametrize(
    ("gpu", "says"),
    [
        (None, "CUDA is missing: there is no nvidia-smi."),
        ("Tesla V100-SXM2-16GB, 7.0, 16384, 580.65.06", "has compute capability 7.0: the kernels need 8.0"),
        ("NVIDIA A100-SXM4-80GB, 8.0, 81920, 535.183.01", "The driver is 535.183.01: CUDA 12.4 needs 550"),
    ],
)
def test_unfit_gpu(make_far_side: Callable[..., FarSide], gpu: str | None, says: str) -> None:
    far_side = make_far_side(gpu=gpu)
    result = far_side.deploy("--quick")
    assert result.returncode == 5
    assert says in result.stderr
    assert "nothing was sent" in result.stderr
    assert "stop it at its provider" in result.stdout
    assert not far_side.directory.exists()


def test_broken_driver(make_far_side: Callable[..., FarSide]) -> None:
    far_side = make_far_side()
    executable(far_side.root / "far_bin" / "nvidia-smi", "#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    result = far_side.deploy("--quick")
    assert result.returncode == 5
    assert "nvidia-smi finds no working GPU: 'No devices were found'" in result.stderr


def test_no_compiler_and_a_driver_too_old_for_the_one_that_would_be_installed(
    make_far_side: Callable[..., FarSide],
) -> None:
    inside: list[str] = []
    if Path("/usr/local/cuda").exists():
        if os.geteuid() != 0:
            pytest.skip("hiding /usr/local/cuda from the far side needs root")
        inside = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs /usr/local/cuda && exec "$@"', "sh"]
    far_side = make_far_side(gpu="NVIDIA H100 PCIe, 9.0, 81559, 570.124.06", inside=inside)
    result = far_side.deploy("--quick")
    assert result.returncode == 5
    assert "CUDA is missing: found nvcc none, expected 12.4 or newer. The driver 570.124.06" in result.stderr
    assert not far_side.directory.exists()


def test_disk_too_small(make_far_side: Callable[..., FarSide]) -> None:
    far_side = make_far_side(gpu=H100)
    with small_disk(far_side.directory, "size=64m"):
        result = far_side.deploy("--quick")
        assert list(far_side.directory.iterdir()) == []
    assert result.returncode == 6
    assert "has 64 MB free" in result.stderr
    assert "NVIDIA H100 80GB HBM3, compute capability 9.0, 81559 MiB, driver 580.65.06" in result.stdout
    assert "kernels: sm_90a" in result.stdout


@pytest.mark.parametrize("without", [(), ("rsync",)])
def test_disk_that_fills_up_while_sending(
    make_far_side: Callable[..., FarSide], without: tuple[str, ...]
) -> None:
    far_side = make_far_side(gpu=H100, without=without)
    # Bytes enough for the look to find nothing wrong, but room for few files: writing fails for lack of it.
    with small_disk(far_side.directory, "size=64g,nr_inodes=100"):
        result = far_side.deploy("--quick")
        assert not (far_side.directory / "source").exists()
    assert result.returncode == 6, result.stderr
    assert "The disk filled up while sending to it" in result.stderr
    assert far_side.leftovers() == []
