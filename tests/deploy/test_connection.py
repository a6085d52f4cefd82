"""The way to the machine: each failure has its sentence and exit code, and leaves nothing behind."""

import getpass
import socket
import subprocess
import threading
from collections.abc import Callable

import pytest

from far_side import SCRIPT, FarSide, free_port, make_key

# Where there is no GPU the script stops after its look, which shows that it got there.
REACHED = 5


@pytest.fixture(scope="module")
def far_side(make_far_side: Callable[..., FarSide]) -> FarSide:
    return make_far_side()


@pytest.fixture(autouse=True)
def nothing_is_left(far_side: FarSide):
    yield
    assert far_side.leftovers() == []
    assert not far_side.directory.exists(), "something was sent"


def test_wrong_port(far_side: FarSide) -> None:
    port = free_port()
    result = far_side.deploy(target=f"127.0.0.1:{port}")
    assert result.returncode == 3
    assert f"Nothing listens at 127.0.0.1 port {port}: check the port" in result.stderr


def test_port_of_something_else(far_side: FarSide) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        result = far_side.deploy(target=f"127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert result.returncode == 3
    assert "is no full ssh server: check the port" in result.stderr


def test_unknown_name(far_side: FarSide) -> None:
    result = far_side.deploy(target="no-such-machine.invalid")
    assert result.returncode == 3
    assert "No machine is called no-such-machine.invalid" in result.stderr


def test_refused_key(far_side: FarSide) -> None:
    stranger = make_key(far_side.root / "stranger")
    result = far_side.deploy("--identity", str(stranger), target=f"127.0.0.1:{far_side.port}")
    assert result.returncode == 4
    assert "refused the key: give the key that the provider knows with --identity" in result.stderr


def test_other_host_key(far_side: FarSide) -> None:
    other = make_key(far_side.root / "other_host").with_suffix(".pub").read_text()
    known = far_side.root / "known_hosts"
    known.write_text(f"[127.0.0.1]:{far_side.port} {other}")
    try:
        result = far_side.deploy()
    finally:
        known.unlink()
    assert result.returncode == 4
    assert "shows another host key than last time" in result.stderr


def test_ways_to_name_the_machine(far_side: FarSide) -> None:
    user, key = getpass.getuser(), str(far_side.key)
    assert far_side.deploy().returncode == REACHED
    target = f"{user}@127.0.0.1:{far_side.port}"
    assert far_side.deploy("--identity", key, target=target).returncode == REACHED
    by_environment = {"H100_IP": "127.0.0.1", "H100_PORT": str(far_side.port), "H100_USER": user}
    assert far_side.deploy("--identity", key, target=None, **by_environment).returncode == REACHED


def test_dry_run_shows_every_command_and_runs_none(far_side: FarSide) -> None:
    result = far_side.deploy("--quick", "--full", "--profile", "--dry-run", target="user@203.0.113.1:22077")
    assert result.returncode == 0, result.stderr
    shown = [
        "ssh -o BatchMode=yes",
        "-p 22077 -l user 203.0.113.1",
        "check",
        "rsync --recursive",
        "build.sh build",
        "deploy/verify.py",
        "examples/quickstart.py",
        "comprehensive_benchmark.py --sizes 4096 8192 16384 32768 --sparsity 0.5 0.7 0.78 0.9",
        "benchmarks/profile_ncu.py",
        "follow",
        "-m blackwellsparsek.report judge",
    ]
    places = [result.stdout.find(command) for command in shown]
    assert -1 not in places, dict(zip(shown, places, strict=True))
    assert list((far_side.root / "results").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["host", "--no-such"], "There is no option --no-such"),
        (["host:0"], "'0' is no port"),
        (["host:"], "'none' is no port"),
        (["host:65536"], "'65536' is no port"),
        (["-oProxyCommand=x"], "There is no option -oProxyCommand=x"),
        (["user@-oProxyCommand=x"], "is no host name"),
        (["one", "two"], "Two targets were given"),
        (["a:b:c"], "is no target"),
        (["host", "--identity"], "--identity needs a value"),
        (["host", "--identity", "no/such/key"], "cannot be read"),
        (["host", "--wheel", "no.whl"], "is no readable wheel"),
        (["host", "--directory", "a; rm b"], "is no folder for --directory"),
        (["host", "--price", "cheap"], "'cheap' is no price"),
        (["host", "--limit", "5"], "--limit needs --price"),
        (["host", "--attach", "--quick"], "leave out what to run"),
        ([], "No machine was named"),
    ],
)
def test_wrong_usage(far_side: FarSide, arguments: list[str], says: str) -> None:
    result = subprocess.run(
        [SCRIPT, *arguments], env=far_side.environment(), capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 2
    assert says in result.stderr
