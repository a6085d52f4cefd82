"""Sending over a link that is slow, far away and loses packets, cut in the middle and taken up again."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from far_side import H100, FarSide, wait_for
from lossy_link import INSIDE, LossyLink


@pytest.fixture
def link() -> Iterator[LossyLink]:
    try:
        link = LossyLink(delay=0.005, loss=0.01, packets_per_second=1500)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network namespaces or TUN devices are not permitted: {error}")
    yield link
    link.close()


def partial_bytes(folder: Path) -> int:
    """How much of a file that rsync is receiving has arrived."""
    return sum(path.stat().st_size for path in folder.glob(".*") if path.is_file())


def test_cut_while_sending(link: LossyLink, make_far_side: Callable[..., FarSide]) -> None:
    far_side = make_far_side(gpu=H100, address=INSIDE, inside=link.inside)
    # No wheel: what cannot be compressed takes a while on this link.
    payload = far_side.root / "blackwellsparsek-0-py3-none-any.whl"
    payload.write_bytes(os.urandom(800_000))
    process = far_side.begin("--rehearse", "--wheel", str(payload))
    received = far_side.directory / "wheel"
    wait_for(lambda: partial_bytes(received) > 200_000, seconds=60)
    assert far_side.cut_connections() == 1
    wait_for(lambda: far_side.state() == "running build", seconds=60)
    far_side.end_run()  # of what is no wheel nothing can be built
    output, _ = process.communicate(timeout=120)
    assert "the connection broke; trying again in 1 s" in output
    assert (received / payload.name).read_bytes() == payload.read_bytes()
    assert process.returncode == 10, output
    assert far_side.leftovers() == []
    assert link.lost > 0
