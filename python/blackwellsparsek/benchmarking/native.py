"""Peers in shared libraries with the C ABI of benchmarks/peers/abi.h, and what they know of the GPU."""

import ctypes
import os
from functools import cache
from pathlib import Path

import torch

from ..records import Clocks
from .cases import BlockedEll, Problem
from .implementations import Implementation, Unavailable

REPOSITORY = Path(__file__).resolve().parents[3]
_DTYPE_NUMBERS = {torch.float16: 0, torch.bfloat16: 1, torch.float32: 2}  # of bsk::DType


class Product(ctypes.Structure):
    """bsk_peer_product."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("m", "n", "k", "block", "count")),
        ("dtype", ctypes.c_int32),
        *((name, ctypes.c_void_p) for name in ("offsets", "indices", "values", "b", "c")),
    )


class _Telemetry(ctypes.Structure):
    """bsk_telemetry."""

    _fields_ = (
        ("sm_mhz", ctypes.c_double),
        ("power_w", ctypes.c_double),
        ("throttle_reasons", ctypes.c_char * 256),
        ("driver", ctypes.c_char * 80),
    )


def peers_folder() -> Path:
    """Where the libraries are: $BSK_PEERS, or build/peers of the repository."""
    return Path(os.environ.get("BSK_PEERS") or REPOSITORY / "build" / "peers")


@cache
def load(path: Path) -> ctypes.CDLL:
    """Load a library of the C ABI.

    Raises
    ------
    Unavailable
        It is not there, or cannot be loaded.
    """
    if not path.exists():
        raise Unavailable(
            f"{path.name} is not built: run `cmake --build build --target bsk_peers`, or name its folder in "
            "BSK_PEERS."
        )
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be loaded: {error}.") from error
    library.bsk_peer_create.restype = ctypes.c_void_p
    library.bsk_peer_create.argtypes = (ctypes.c_char_p, ctypes.POINTER(Product))
    library.bsk_peer_launch.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    library.bsk_peer_destroy.argtypes = (ctypes.c_void_p,)
    library.bsk_peer_destroy.restype = None
    library.bsk_peer_settings.argtypes = (ctypes.c_void_p,)
    library.bsk_peer_settings.restype = library.bsk_peer_error.restype = ctypes.c_char_p
    return library


def _own_library() -> ctypes.CDLL:
    return load(peers_folder() / "libbsk_peers.so")


def telemetry(device: int) -> tuple[Clocks | None, str | None]:
    """Clocks of a GPU at this moment, and its driver; None for what cannot be found out."""
    try:
        library = _own_library()
    except Unavailable:
        return None, None
    sample = _Telemetry()
    library.bsk_peer_telemetry(ctypes.c_int(device), ctypes.byref(sample))
    reasons = sample.throttle_reasons.decode()
    clocks = Clocks(
        sample.sm_mhz if sample.sm_mhz >= 0 else None,
        sample.power_w if sample.power_w >= 0 else None,
        tuple(reasons.split(",")) if reasons else (),
    )
    return clocks, sample.driver.decode() or None


class NativePeer(Implementation):
    """A product made, launched and destroyed through the C ABI."""

    def __init__(
        self,
        problem: Problem,
        library: ctypes.CDLL,
        form: str,
        values: torch.Tensor,
        indices: torch.Tensor | None = None,
        offsets: torch.Tensor | None = None,
        count: int = 0,
    ) -> None:
        super().__init__(problem)
        self._library, self._handle = library, None
        self._arrays = (offsets, indices, values)  # must outlive the peer
        pointers = (None if array is None else array.data_ptr() for array in self._arrays)
        product = Product(
            problem.case.m,
            problem.case.n,
            problem.case.k,
            problem.case.block,
            count,
            _DTYPE_NUMBERS[problem.dtype],
            *pointers,
            problem.B.data_ptr(),
            problem.out.data_ptr(),
        )
        torch.cuda.current_stream().synchronize()  # the library may read the arrays on another stream
        torch.cuda.empty_cache()  # it allocates by itself what PyTorch keeps for later
        self._handle = library.bsk_peer_create(form.encode(), ctypes.byref(product))
        if self._handle is None:
            raise Unavailable(library.bsk_peer_error().decode())
        self.settings = library.bsk_peer_settings(self._handle).decode()

    def launch(self) -> torch.Tensor:
        if self._library.bsk_peer_launch(self._handle, torch.cuda.current_stream().cuda_stream):
            raise RuntimeError(self._library.bsk_peer_error().decode())
        return self.problem.out

    def close(self) -> None:
        if self._handle is not None:
            self._library.bsk_peer_destroy(self._handle)
            self._handle = None


class CusparseBsr(NativePeer):
    """cusparseSpMM on the arrays of A."""

    kernel = "cusparseSpMM"

    def __init__(self, problem: Problem) -> None:
        A = problem.A
        super().__init__(
            problem,
            _own_library(),
            "bsr",
            A.values(),
            A.col_indices(),
            A.crow_indices(),
            problem.case.nnzb,
        )


class CusparseBlockedEll(NativePeer):
    """cusparseSpMM on A as Blocked-ELL."""

    kernel = "cusparseSpMM"

    def __init__(self, problem: Problem) -> None:
        library = _own_library()
        ell = self._matrix(problem)
        super().__init__(problem, library, "blocked_ell", ell.values, ell.indices, count=ell.width)

    def _matrix(self, problem: Problem) -> BlockedEll:
        return problem.blocked_ell
