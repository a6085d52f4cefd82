"""Where and with what is measured."""

import ctypes
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone

import torch

from .. import __version__, _ops
from ..measure import interleaved_medians
from ..records import Environment
from ..source_digests import FOLDERS
from .native import REPOSITORY, telemetry

_COPY_BYTES = 2**30
_COPIES = 10


def gather(device: torch.device, command: str) -> Environment:
    """Describe this machine and this build; measures the rate of copies on a GPU."""
    build = _ops.build_identity()
    common = {
        **sources(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "library_version": __version__,
        "architectures": build["architectures"],
        "cuda_build": build["cuda"],
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


def sources() -> dict[str, str]:
    """What is measured: the commit of the build and digests of its sources."""
    build = _ops.build_identity()
    return {name: build[name] for name in ("commit", *FOLDERS)}


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
    """Counts wgmma and TMA loads in the library's machine code, in other processes: it takes seconds."""

    #: $0 cuobjdump, $1 the library, $2 processes at a time; a cubin each, which are extracted at once.
    _PIPELINE = r"""
        "$0" -xelf all -arch sm_90a "$1" >/dev/null
        count='"$0" -sass "$1" | { grep -oE "HGMMA|UTMALDG" || true; } | sort | uniq -c'
        find . -name '*.cubin' -print0 | xargs -0 -r -n 1 -P "$2" bash -euo pipefail -c "$count" "$0"
    """

    def __init__(self, device: torch.device) -> None:
        tool = shutil.which("cuobjdump") or shutil.which("cuobjdump", path="/usr/local/cuda/bin")
        self._process = None
        self._counts: Counter[str] | None = None
        if tool is not None and device.type == "cuda":
            self._folder = tempfile.TemporaryDirectory()
            processes = max(1, (os.cpu_count() or 1) // 2)
            self._process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", self._PIPELINE, tool, _ops._LIBRARY, str(processes)],
                cwd=self._folder.name,
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
                self._counts = Counter()
                for count, name in map(str.split, listing.splitlines()):
                    self._counts[name] += int(count)
            self._forget()
        if self._counts is None:
            return environment
        return replace(environment, hgmma=self._counts["HGMMA"], utmaldg=self._counts["UTMALDG"])

    @property
    def running(self) -> bool:
        """Whether the counts are not known yet."""
        return self._process is not None

    def stop(self) -> None:
        """End the disassembler where it still runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._forget()

    def _forget(self) -> None:
        self._process = None
        self._folder.cleanup()


def command_line() -> str:
    """How this process was called."""
    return seen_from_repository(" ".join(["python", *sys.argv]))


def seen_from_repository(text: str) -> str:
    """Records are published: where the repository lies on this machine is no part of them."""
    return text.replace(f"{REPOSITORY}{os.sep}", "")
