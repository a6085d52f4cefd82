"""Fixtures: the device to run on, and the `bsk` binary."""

import sys
from pathlib import Path

import pytest
import torch

from blackwellsparsek.report.criteria import Criteria, read_criteria

REPOSITORY = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bsk-binary", type=Path, help="the bsk command line (default: build/cli/bsk)")


@pytest.fixture(scope="session")
def bsk_binary(request: pytest.FixtureRequest) -> Path:
    """The command line; an absent default skips the test, an absent --bsk-binary fails it."""
    given = request.config.getoption("--bsk-binary")
    binary = given or REPOSITORY / "build" / "cli" / "bsk"
    if not binary.exists():
        if given:
            pytest.fail(f"--bsk-binary {binary} does not exist")
        pytest.skip(f"{binary} is not built")
    return binary.resolve()


@pytest.fixture
def repository() -> Path:
    return REPOSITORY


@pytest.fixture
def criteria() -> Criteria:
    """The criteria of the repository."""
    return read_criteria(REPOSITORY / "benchmarks" / "criteria.json")


@pytest.fixture
def python_command() -> list[str]:
    return [sys.executable]


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """Each device that the operators support; CUDA skips where there is none."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return request.param
