"""A machine to deploy to: a real sshd on loopback with throw-away keys. Only its GPU is made up."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "deploy" / "deploy_to_h100.sh"
H100 = "NVIDIA H100 80GB HBM3, 9.0, 81559, 580.65.06"
SYSTEM_FOLDERS = [Path(name) for name in ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")]
# What a test gives or takes away itself.
NEVER_LINKED = {"nvidia-smi", "nvcc"}


def wait_for(happens: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until `happens` returns true; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds} s: {happens}")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def pids_of(selection: str, pid: int) -> list[int]:
    """Processes that `ps` selects: "--ppid" for children of `pid`, "-s" for those of its session."""
    listing = subprocess.run(["ps", "-o", "pid=", selection, str(pid)], capture_output=True, text=True)
    return [int(line) for line in listing.stdout.split()]


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # ended by itself in between
            os.kill(pid, signal.SIGKILL)


@dataclass
class FarSide:
    """The far machine and the near user's ssh settings for it.

    Parameters
    ----------
    root
        An empty folder for keys, settings and both sides' files.
    without
        Commands that the far side lacks.
    gpu
        What its nvidia-smi says about its GPU; None for no nvidia-smi.
    address
        Where its sshd listens.
    inside
        A command that runs another one elsewhere, such as in a network namespace.
    """

    root: Path
    without: Iterable[str] = ()
    gpu: str | None = None
    address: str = "127.0.0.1"
    inside: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    sshd: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for name in ("far_bin", "far_home", "near_bin", "scratch", "results"):
            (self.root / name).mkdir(parents=True)
        self.key = make_key(self.root / "key")
        self.host_key = make_key(self.root / "host_key")
        (self.root / "authorized_keys").write_text(self.key.with_suffix(".pub").read_text())
        self.directory = self.root / "far"
        self._write_far_commands()
        self._write_near_settings()
        self.start()

    def _write_far_commands(self) -> None:
        far_bin, hidden = self.root / "far_bin", NEVER_LINKED | set(self.without)
        for folder in SYSTEM_FOLDERS:
            for command in folder.iterdir() if folder.is_dir() else ():
                link = far_bin / command.name
                if command.name not in hidden and not link.is_symlink():
                    link.symlink_to(command)
        # The Python that the tests run on, without its environment, as an image's system Python.
        (far_bin / "python3").unlink(missing_ok=True)
        (far_bin / "python3").symlink_to(Path(sys.executable).resolve())
        if self.gpu:
            capability = self.gpu.split(", ")[1]
            executable(
                far_bin / "nvidia-smi",
                f'#!/bin/sh\ncase $1 in *=compute_cap) echo "{capability}" ;; *) echo "{self.gpu}" ;; esac\n',
            )

    def _write_near_settings(self) -> None:
        (self.root / "ssh_config").write_text(
            f"Host my-h100\n  HostName {self.address}\n  Port {self.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {self.key}\n"
            f"Host *\n  UserKnownHostsFile {self.root}/known_hosts\n  IdentitiesOnly yes\n"
        )
        # ssh reads the settings of the account's home folder, which is not the tests' to write in.
        executable(
            self.root / "near_bin" / "ssh",
            f'#!/bin/sh\nexec {shutil.which("ssh")} -F {self.root}/ssh_config "$@"\n',
        )

    def start(self) -> None:
        """Start sshd and wait until it answers."""
        # PyTorch and pip are the tests' own; a home of its own keeps the user's shell settings out.
        packages = sysconfig.get_path("purelib")
        settings = self.root / "sshd_config"
        settings.write_text(
            f"ListenAddress {self.address}:{self.port}\nHostKey {self.host_key}\n"
            f"AuthorizedKeysFile {self.root}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
            f'SetEnv "HOME={self.root}/far_home" "PATH={self.root}/far_bin" "PYTHONPATH={packages}"\n'
        )
        sshd = shutil.which("sshd", path="/usr/sbin:/sbin:" + os.environ["PATH"])
        assert sshd, "the fixture skips where there is no sshd"
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = [*self.inside, sshd, "-D", "-f", settings, "-E", self.root / "sshd.log"]
        self.sshd = subprocess.Popen(command)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self.sshd
        assert self.sshd.poll() is None, (self.root / "sshd.log").read_text()
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def cut_connections(self) -> int:
        """Kill the sshd processes that serve connections; returns how many."""
        assert self.sshd
        serving = pids_of("--ppid", self.sshd.pid)
        kill(serving)
        return len(serving)

    def stop(self) -> None:
        """End sshd and what it serves."""
        if self.sshd:
            self.cut_connections()
            self.sshd.terminate()
            self.sshd.wait()
            self.sshd = None

    def command(self, *arguments: str, target: str | None = "my-h100") -> list[str]:
        """Return the command line of the script for this machine."""
        places = ["--directory", str(self.directory), "--output", str(self.root / "results")]
        return [str(SCRIPT), *([target] if target else []), *places, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """Return what the near side has in its environment."""
        # This Python before others: the one that can import the report.
        path = f"{self.root / 'near_bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("H100_")}
        return {**kept, "PATH": path, "TMPDIR": str(self.root / "scratch"), **more}

    def deploy(
        self, *arguments: str, target: str | None = "my-h100", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the script to its end."""
        return subprocess.run(
            self.command(*arguments, target=target),
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=3600,
            stdin=subprocess.DEVNULL,
        )

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the script in a group of its own, to do something to it while it works."""
        # A shell that starts the tests in the background has them ignore interrupts.
        return subprocess.Popen(
            ["env", "--default-signal=INT", *self.command(*arguments)],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def run_folder(self) -> Path:
        """The far folder of the latest run."""
        return self.directory / "runs" / (self.directory / "latest").read_text().strip()

    def state(self) -> str:
        """The state of the latest run, '' where there is none yet."""
        try:
            return (self.run_folder / "state").read_text().strip()
        except FileNotFoundError:
            return ""

    def session_pids(self) -> list[int]:
        """The processes of a run that works in this machine's directory."""
        found = subprocess.run(
            ["pgrep", "-f", f"remote.sh session {self.directory}$"], capture_output=True, text=True
        )
        return [int(line) for line in found.stdout.split()]

    def end_run(self) -> None:
        """Kill the run that is at work, if any, with all its processes, as a power cycle does."""
        for session in self.session_pids():
            # Not the process group: ninja gives each compiler one of its own.
            kill(pids_of("-s", session))

    def leftovers(self) -> list[Path]:
        """What the near side has forgotten to remove."""
        return [*(self.root / "scratch").iterdir(), *(self.root / "results").glob(".*")]
