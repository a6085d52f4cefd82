"""The whole way with a build on the far side, minutes to an hour: `pytest -m slow tests/deploy`."""

from collections.abc import Callable

import pytest

from far_side import H100, FarSide


@pytest.mark.slow
def test_build_there(make_far_side: Callable[..., FarSide]) -> None:
    """The GPU is made up, so it is built for and the verification runs on the CPU."""
    far_side = make_far_side(gpu=H100)
    for _ in range(2):
        result = far_side.deploy("--rehearse", "--quick")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "-DBSK_ARCHITECTURES=90a" in result.stdout
        assert "The run has done everything asked for: verify_cpu quick." in result.stdout
    # The second time finds the kernels built, which are the minutes.
    assert "Building CUDA" not in (far_side.run_folder / "log").read_text()
