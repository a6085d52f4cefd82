"""CUTLASS peers: compiled from benchmarks/peers when first asked for, and kept beside the other peers.

Headers come from --cutlass-dir or the PyPI package nvidia-cutlass. A library that was compiled before is used
without them.
"""

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from ..records import Work
from .cases import Problem
from .implementations import TwoToFour, Unavailable
from .native import REPOSITORY, NativePeer, load, peers_folder

_SOURCES = REPOSITORY / "benchmarks" / "peers"
_DTYPE_NUMBERS = {torch.float16: 0, torch.bfloat16: 1}
_HOPPER = (9, 0)

cutlass_dir: Path | None = None  #: a checkout of CUTLASS, set by --cutlass-dir


def _headers() -> list[Path]:
    """The folders to include: of --cutlass-dir, else of nvidia-cutlass, else none."""
    root = cutlass_dir
    if root is None:
        package = importlib.util.find_spec("cutlass_library")
        if package is None or not package.submodule_search_locations:
            return []
        root = Path(package.submodule_search_locations[0]) / "source"
    elif not (root / "include" / "cutlass" / "cutlass.h").exists():
        raise Unavailable(f"--cutlass-dir {root} holds no include/cutlass/cutlass.h.")
    return [root / "include", root / "tools" / "util" / "include"]


def library(name: str, dtype: torch.dtype) -> ctypes.CDLL:
    """Load benchmarks/peers/`name`.cu compiled for `dtype` and the current GPU; compile it if need be.

    Raises
    ------
    Unavailable
        No headers or no nvcc and no compiled library, or it does not compile.
    """
    if dtype not in _DTYPE_NUMBERS:
        raise Unavailable(f"The CUTLASS peers are 16-bit; there is none for {dtype}.")
    source = _SOURCES / f"{name}.cu"
    if not source.exists():
        raise Unavailable(f"{source.name} is in the repository, and this package is used outside of it.")
    major, minor = torch.cuda.get_device_capability()
    architecture = f"{major}{minor}" + ("a" if major >= 9 else "")
    digest = hashlib.sha256()
    for path in (source, _SOURCES / "abi.h", _SOURCES / "cutlass_gemm.h"):
        digest.update(path.read_bytes())
    headers = _headers()
    if cutlass_dir is not None:
        digest.update((cutlass_dir / "include" / "cutlass" / "version.h").read_bytes())
    target = peers_folder() / (
        f"lib{name}_{str(dtype).removeprefix('torch.')}_sm{architecture}_{digest.hexdigest()[:12]}.so"
    )
    if not target.exists():
        _compile(source, target, architecture, _DTYPE_NUMBERS[dtype], headers)
    return load(target)


def _compile(source: Path, target: Path, architecture: str, dtype: int, headers: list[Path]) -> None:
    if not headers:
        raise Unavailable(
            "There are no CUTLASS headers: pip install nvidia-cutlass, or name a checkout by --cutlass-dir."
        )
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        compiled = Path(folder) / target.name
        command = [nvcc, "-std=c++17", "-O3", "-shared", "-Xcompiler=-fPIC,-fvisibility=hidden"]
        command += [f"-gencode=arch=compute_{architecture},code=sm_{architecture}"]
        command += ["--expt-relaxed-constexpr", f"-DBSK_PEER_DTYPE={dtype}"]
        command += [f"-isystem={path}" for path in headers]
        try:
            subprocess.run([*command, "-o", compiled, source], check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise Unavailable(f"There is no nvcc to compile {source.name} with ({nvcc}).") from error
        except subprocess.CalledProcessError as error:
            line = next((line for line in error.stderr.splitlines() if "error" in line), error.stderr[-300:])
            raise Unavailable(f"{source.name} does not compile: {line}") from error
        compiled.replace(target)


def _require_hopper(what: str) -> None:
    if torch.cuda.get_device_capability() != _HOPPER:
        raise Unavailable(f"{what} is written for compute capability 9.0.")


class CutlassDense(NativePeer):
    """The Hopper GEMM on A with its zeros."""

    work: Work = "dense"
    kernel = "cutlass::gemm::device::GemmUniversalAdapter"

    def __init__(self, problem: Problem) -> None:
        _require_hopper("CUTLASS's warp-specialised GEMM")
        compiled = library("cutlass_dense", problem.dtype)
        super().__init__(problem, compiled, "dense", problem.dense)


class CutlassBlockedEll(NativePeer):
    """EllGemm, which multiplies no padding."""

    kernel = "cutlass::gemm::device::EllGemm"

    def __init__(self, problem: Problem) -> None:
        compiled = library("cutlass_blocked_ell", problem.dtype)
        ell = problem.blocked_ell
        super().__init__(problem, compiled, "blocked_ell", ell.values, ell.indices, count=ell.width)


class Cutlass2To4(NativePeer, TwoToFour):
    """The Hopper GEMM with 2:4 sparsity on another A."""

    kernel = "cutlass::gemm::device::GemmUniversalAdapter"

    def __init__(self, problem: Problem) -> None:
        _require_hopper("CUTLASS's 2:4 GEMM")
        compiled = library("cutlass_2to4", problem.dtype)
        super().__init__(problem, compiled, "2to4", problem.two_to_four)
