"""The whole way with a build on the far side: `pytest -m slow tests/deploy`, minutes to an hour."""

from collections.abc import Callable

import pytest

from far_side import FarSide


@pytest.mark.slow
def test_build_there(make_far_side: Callable[..., FarSide]) -> None:
    far_side = make_far_side()
    for _ in range(2):  # the second time finds everything done
        result = far_side.deploy("--rehearse", "--quick")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "The run has done everything asked for: verify_cpu quick." in result.stdout
    assert "ninja: no work to do." in (far_side.run_folder / "log").read_text()
