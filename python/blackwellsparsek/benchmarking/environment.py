"""Where and with what is measured."""

import ctypes
import os
import platform
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone

import torch

from .. import __version__, _ops
from ..measure import interleaved_medians
from ..records import Environment
from ..source_digests import FOLDERS, source_digests
from .native import REPOSITORY, build_identity, telemetry

_COPY_BYTES = 2**30
_COPIES = 10


def gather(device: torch.device, command: str) -> Environment:
    """Describe this machine and this build; measures the rate of copies on a GPU."""
    build = build_identity()
    common = {
        **sources(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "library_version": __version__,
        "architectures": build.get("architectures", "unknown"),
        "cuda_build": build.get("cuda"),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": command,
    }
    if device.type == "cpu":
        nothing = dict.fromkeys(
            (
                "compute_capability",
                "sm_count",
                "memory_bytes",
                "driver",
                "cuda_driver",
                "cuda_runtime",
                "l2_bytes",
                "copy_gb_per_s",
                "hgmma",
                "utmaldg",
            )
        )
        return Environment(gpu="CPU", **nothing, **common)
    properties = torch.cuda.get_device_properties(device)
    return Environment(
        gpu=properties.name,
        compute_capability=f"{properties.major}.{properties.minor}",
        sm_count=properties.multi_processor_count,
        memory_bytes=properties.total_memory,
        driver=telemetry(device.index or 0)[1],
        cuda_driver=_cuda_of_driver(),
        cuda_runtime=torch.version.cuda,
        l2_bytes=properties.L2_cache_size,
        copy_gb_per_s=_copy_gb_per_s(device),
        hgmma=None,
        utmaldg=None,
        **common,
    )


def sources() -> dict[str, str | None]:
    """What is measured: commit and digests of the sources, of the build or else of the tree."""
    build = build_identity()
    if not build:
        return {"commit": _git_commit(), **source_digests(REPOSITORY)}
    return {name: build.get(name) for name in ("commit", *FOLDERS)}


def _git_commit() -> str:
    try:
        command = ["git", "-C", REPOSITORY, "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _cuda_of_driver() -> str | None:
    """The newest CUDA that the driver knows."""
    version = ctypes.c_int()
    try:
        failed = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return None
    return None if failed else f"{version.value // 1000}.{version.value % 1000 // 10}"


def _copy_gb_per_s(device: torch.device) -> float | None:
    """Bytes read and written by a copy; None where its buffers do not fit."""
    try:
        source = torch.empty(_COPY_BYTES, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        (seconds,) = interleaved_medians([lambda: target.copy_(source)], _COPIES, device)
    except RuntimeError:
        return None
    return 2 * _COPY_BYTES / seconds / 1e9


class InstructionCount:
    """Counts wgmma and TMA loads in the library's machine code, in other processes: it takes many seconds."""

    def __init__(self, device: torch.device) -> None:
        tool = shutil.which("cuobjdump") or shutil.which("cuobjdump", path="/usr/local/cuda/bin")
        self._process = None
        self._counts: dict[str, int] | None = None
        if tool is not None and device.type == "cuda":
            pipeline = '"$0" -sass -arch sm_90a "$1" | { grep -oE "HGMMA|UTMALDG" || true; } | sort | uniq -c'
            self._process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", pipeline, tool, str(_ops._LIBRARY)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the benchmark
            )

    def added_to(self, environment: Environment, patience: float = 0.05) -> Environment:
        """The environment with both counts; as it is without a disassembler, or after `patience` seconds."""
        if self._process is not None:
            try:
                listing, _ = self._process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                return environment
            if self._process.returncode == 0:
                pairs = (line.split() for line in listing.splitlines())
                self._counts = {name: int(count) for count, name in pairs}
            self._process = None
        if self._counts is None:
            return environment
        return replace(
            environment, hgmma=self._counts.get("HGMMA", 0), utmaldg=self._counts.get("UTMALDG", 0)
        )

    def stop(self) -> None:
        """End the disassembler where it still runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def command_line() -> str:
    """How this process was called."""
    return seen_from_repository(" ".join(["python", *sys.argv]))


def seen_from_repository(text: str) -> str:
    """Records are published: where the repository lies on this machine is no part of them."""
    return text.replace(f"{REPOSITORY}{os.sep}", "")
