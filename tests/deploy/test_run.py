"""The whole way with a wheel on the CPU of this machine, and everything that may interrupt it."""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from far_side import REPOSITORY, FarSide, wait_for


@pytest.fixture(scope="module")
def far_side(make_far_side: Callable[..., FarSide]) -> FarSide:
    return make_far_side()


@pytest.fixture(scope="module")
def first(far_side: FarSide, wheel: Path) -> subprocess.CompletedProcess[str]:
    """The first deployment; the tests after it find the far side set up."""
    return far_side.deploy(
        "--rehearse", "--quick", "--wheel", str(wheel), "--price", "2.49", "--limit", "0.01"
    )


def results_folder(output: str) -> Path:
    found = re.search(r"^in (/.*):$", output, re.MULTILINE)
    assert found, output
    return Path(found[1])


def tracked_files() -> dict[str, bytes]:
    listing = subprocess.run(["git", "-C", REPOSITORY, "ls-files", "-z"], capture_output=True, check=True)
    names = [name for name in listing.stdout.decode().split("\0") if name]
    return {name: (REPOSITORY / name).read_bytes() for name in names if (REPOSITORY / name).is_file()}


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_whole_way(far_side: FarSide, first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    assert re.search(r"largest difference from PyTorch \S+ \(less than 0.01 wanted\): right", first.stdout)
    assert "The run has done everything asked for: verify_cpu quick." in first.stdout
    home = results_folder(first.stdout)
    assert re.fullmatch(r"my-h100-\d{8}T\d{6}Z", home.name)
    assert "executed TFLOP/s" in (home / "results" / "quickstart.log").read_text()
    assert (home / "log").read_text() == (far_side.run_folder / "log").read_text()
    assert (home / "log").read_text() in first.stdout, "the log was not shown as it is"
    assert far_side.leftovers() == []


def test_exactly_the_tracked_files_are_there(
    far_side: FarSide, first: subprocess.CompletedProcess[str]
) -> None:
    assert files_below(far_side.directory / "source") == tracked_files()


def test_cost(first: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"about \$\d+\.\d\d so far: \$2.49 per hour \(as given\)", first.stdout)
    assert "the limit of $0.01 is reached" in first.stderr
    assert first.stdout.rstrip().endswith("stop it at its provider when you are done.")


def test_attach_to_a_finished_run(far_side: FarSide, first: subprocess.CompletedProcess[str]) -> None:
    home = results_folder(first.stdout)
    before = files_below(home)
    (home / "log").unlink()
    again = far_side.deploy("--attach")
    assert again.returncode == 0, again.stderr
    assert results_folder(again.stdout) == home
    assert files_below(home) == before


def test_records_are_judged(far_side: FarSide, first: subprocess.CompletedProcess[str]) -> None:
    """The report has tests of its own; here a verdict becomes the exit code."""
    pytest.importorskip("blackwellsparsek.report")
    records = far_side.run_folder / "results" / "h100_results.json"
    records.write_text("{}")
    result = far_side.deploy("--attach")
    records.unlink()
    assert result.returncode == 21, result.stderr
    assert "verdict: incomplete" in result.stdout


def test_cut_connection_is_taken_up_again(
    far_side: FarSide, wheel: Path, first: subprocess.CompletedProcess[str]
) -> None:
    process = far_side.begin("--rehearse", "--wheel", str(wheel))
    wait_for(lambda: far_side.state() == "running verify_cpu")
    cut = far_side.cut_connections()
    output, _ = process.communicate(timeout=120)
    assert cut == 1
    assert process.returncode == 0, output
    assert "the connection broke; the run goes on there" in output
    log = (results_folder(output) / "log").read_text()
    without_warning = re.sub(r"warning: the connection broke.*\n", "", output)
    assert log in without_warning, "part of the log was lost or shown twice"


def test_lost_connection_and_the_way_back(
    far_side: FarSide, wheel: Path, first: subprocess.CompletedProcess[str]
) -> None:
    """The user leaves; the run goes on, keeps others out, and --attach finds it."""
    process = far_side.begin("--rehearse", "--wheel", str(wheel))
    wait_for(lambda: far_side.state() == "running build")
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped watching; the run goes on." in output
    far_side.cut_connections()
    assert far_side.session_pids()

    other = far_side.deploy("--rehearse", "--quick", "--wheel", str(wheel))
    assert other.returncode == 11
    assert "Another run is at work" in other.stderr

    back = far_side.deploy("--attach")
    assert back.returncode == 0, back.stderr
    assert "The run has done everything asked for: verify_cpu." in back.stdout
    assert far_side.leftovers() == []


def test_machine_that_is_restarted(
    far_side: FarSide, wheel: Path, first: subprocess.CompletedProcess[str]
) -> None:
    process = far_side.begin("--rehearse", "--wheel", str(wheel))
    wait_for(lambda: far_side.state() == "running verify_cpu")
    run = far_side.run_folder
    far_side.end_run()
    far_side.stop()
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 7, output
    assert "The connection to my-h100 is lost." in output
    assert far_side.leftovers() == []

    far_side.start()
    back = far_side.deploy("--attach")
    assert back.returncode == 10
    assert "The run was interrupted in the step 'verify_cpu': the machine was restarted" in back.stderr

    again = far_side.deploy("--rehearse", "--wheel", str(wheel))
    assert again.returncode == 0, again.stderr
    assert f"going on with the run {run.name}" in again.stdout
    assert far_side.run_folder == run


def test_machine_that_goes_while_it_is_sent_to(
    far_side: FarSide, wheel: Path, first: subprocess.CompletedProcess[str]
) -> None:
    """It had answered: not its address is wrong."""
    process = far_side.begin("--rehearse", "--wheel", str(wheel))
    assert process.stdout
    for line in process.stdout:
        if line.startswith("==> sending"):
            break
    far_side.stop()
    output, _ = process.communicate(timeout=120)
    far_side.start()
    assert process.returncode == 7, output
    assert re.search(r"The connection to my-h100 broke while .*: run the same command again", output)
    assert far_side.leftovers() == []


def test_failing_step(far_side: FarSide, wheel: Path, first: subprocess.CompletedProcess[str]) -> None:
    """A step that fails is named, its log comes home, and the next run is not hindered."""
    (far_side.root / "broken").mkdir()
    broken = far_side.root / "broken" / wheel.name
    broken.write_bytes(wheel.read_bytes()[:1000])
    result = far_side.deploy("--rehearse", "--wheel", str(broken))
    assert result.returncode == 8, result.stdout
    assert "The step 'build' failed on my-h100" in result.stderr
    assert "is invalid" in (results_folder(result.stdout) / "log").read_text()


def test_without_rsync(
    far_side: FarSide,
    make_far_side: Callable[..., FarSide],
    wheel: Path,
    first: subprocess.CompletedProcess[str],
) -> None:
    """Sources, wheel and results travel by tar."""
    other = make_far_side(without=["rsync"])
    other.directory.mkdir()
    # Making an environment takes seconds, and is tested above.
    (other.directory / "venv").symlink_to(far_side.directory / "venv")
    result = other.deploy("--rehearse", "--wheel", str(wheel))
    assert result.returncode == 0, result.stderr
    assert "sending sent with tar" in result.stdout
    assert files_below(other.directory / "source") == tracked_files()
    home = results_folder(result.stdout)
    assert (home / "log").read_text() == (other.run_folder / "log").read_text()
    assert other.leftovers() == []
