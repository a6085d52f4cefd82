"""Block-sparse products in Triton: PyTorch's, with default and tuned parameters, and stk's."""

import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import torch

from ..measure import interleaved_medians
from .cases import Problem
from .implementations import Implementation, Unavailable

_FIRST_TUNING_SECONDS, _TUNING_SECONDS = 4.0, 0.3  #: for the first case of a kind, and for each later one
_QUICK_SECONDS = 0.01  #: a candidate that is slower is timed once
#: Best parameters so far by block and dtype; SPLIT_N as columns of a tile.
_TUNED: dict[tuple, dict[str, int]] = {}


def _triton_ops() -> tuple:
    try:
        importlib.import_module("triton")
        operators = importlib.import_module("torch.sparse._triton_ops")
        meta = importlib.import_module("torch.sparse._triton_ops_meta")
    except ImportError as error:
        raise Unavailable(f"PyTorch's Triton kernels cannot be imported: {error}.") from error
    if operators.bsr_dense_mm is None:
        raise Unavailable("PyTorch finds no Triton for this device.")
    return operators, meta


class TorchTritonBsr(Implementation):
    """What `A @ B` calls for a torch.sparse_bsr A."""

    kernel = "torch.sparse._triton_ops.bsr_dense_addmm"
    meta: dict | None = None

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._operators, self._meta_module = _triton_ops()

    def launch(self) -> torch.Tensor:
        out = self.problem.out
        return self._operators.bsr_dense_addmm(
            out, self.problem.A, self.problem.B, beta=0, alpha=1, out=out, meta=self.meta
        )


class TorchTritonBsrTuned(TorchTritonBsr):
    """The same with parameters found by PyTorch's own tuner, within a time limit."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        kind = (problem.spec.block, problem.dtype)
        seconds = _TUNING_SECONDS if kind in _TUNED else _FIRST_TUNING_SECONDS
        meta = self._tune(seconds, _TUNED.get(kind))
        if not meta:
            raise Unavailable("PyTorch's tuner found no parameters that run.")
        self.meta = meta
        _TUNED[kind] = {**meta, "SPLIT_N": problem.spec.n // meta["SPLIT_N"]}
        self.settings = ", ".join(f"{name}={value}" for name, value in sorted(meta.items()))

    def _tune(self, seconds: float, start: dict[str, int] | None) -> dict:
        problem = self.problem
        with _tuning_from(start, problem, self._meta_module):
            return tune(problem.A, problem.B, problem.out, seconds)


def tune(
    A: torch.Tensor, B: torch.Tensor, out: torch.Tensor, seconds: float, store: bool = False
) -> dict[str, int]:
    """Parameters of PyTorch's kernel for out = A @ B; with `store` later products take them as well."""
    _, meta_module = _triton_ops()
    with _limited_tuner(seconds):
        return meta_module.tune_bsr_dense_addmm(out, A, B, beta=0, alpha=1, out=out, store=store, force=True)


@contextmanager
def _tuning_from(start: dict[str, int] | None, problem: Problem, meta_module: ModuleType) -> Iterator[None]:
    """Let the tuner begin with parameters that were good for another size.

    It begins with what PyTorch's table holds for sparsity 0.5, which is put back: untuned products read it.
    """
    if start is None:
        yield
        return
    n, block, (m, k) = problem.spec.n, problem.spec.block, problem.A.shape
    operation, version = "bsr_dense_addmm", (0, problem.dtype, 0.5)
    table = meta_module._operation_device_version_data
    row = (operation, torch.cuda.get_device_name(), version)
    before = dict(table[row]) if row in table else None
    parameters = {**start, "SPLIT_N": max(1, n // start["SPLIT_N"])}
    values = tuple(parameters[name] for name in sorted(parameters))
    meta_module.update(*row, (m, k, n, block, block, True, False, True), values)
    try:
        yield
    finally:
        if before is None:
            del table[row]
        else:
            table[row] = before


@contextmanager
def _limited_tuner(seconds: float) -> Iterator[None]:
    """Let the tuner time by a LimitedTimer, not by triton.testing.do_bench, which takes 0.6 s a candidate."""
    import triton

    original = triton.testing.do_bench
    triton.testing.do_bench = LimitedTimer(seconds, _milliseconds)
    try:
        yield
    finally:
        triton.testing.do_bench = original


def _milliseconds(launch: Callable[[], object]) -> float:
    device = torch.device("cuda")
    (seconds,) = interleaved_medians([launch], 1, device)  # its warm-up compiles
    if seconds < _QUICK_SECONDS:
        (seconds,) = interleaved_medians([launch], 7, device)
    return 1e3 * seconds


class LimitedTimer:
    """Times each candidate of PyTorch's tuner once, and refuses further ones after `seconds`.

    The tuner passes over candidates that fail. The two that it begins with, its reference and the start, are
    never refused: it finds nothing without them. It asks again for those that it knows, and would take noise
    between the answers for a loss, after which it begins anew.
    """

    _NEVER_REFUSED = 2

    def __init__(self, seconds: float, milliseconds: Callable[[Callable[[], object]], float]) -> None:
        self._end, self._milliseconds = time.monotonic() + seconds, milliseconds
        self._known: dict[tuple, float] = {}

    def __call__(self, launch: Callable[[], object], **_: object) -> float:
        parameters = tuple(sorted(inspect.getclosurevars(launch).nonlocals["meta"].items()))
        if parameters not in self._known:
            if len(self._known) >= self._NEVER_REFUSED and time.monotonic() > self._end:
                raise TimeoutError("the time for tuning is over")
            self._known[parameters] = self._milliseconds(launch)
        return self._known[parameters]


class StkTriton(Implementation):
    """stk.ops.dsd, whose kernels know blocks of 128 only."""

    kernel = "stk.ops.dsd"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        try:
            self._stk = importlib.import_module("stk")
        except ImportError as error:
            raise Unavailable(f"stk cannot be imported ({error}); pip install stanford-stk.") from error
        if problem.spec.block != 128:
            raise Unavailable(f"stk's kernels know blocks of 128 only, not {problem.spec.block}.")
        if problem.dtype is torch.float32:
            raise Unavailable("stk's kernels take 16-bit values only.")
        A = problem.A
        index_type = torch.int16 if max(A.shape) <= 128 * (2**15 - 1) else torch.int32
        crow = A.crow_indices()
        rows = torch.repeat_interleave(crow.long().diff())
        self._a = self._stk.Matrix(
            A.shape, A.values(), rows.to(index_type), A.col_indices().to(index_type), crow.int()
        )

    def launch(self) -> torch.Tensor:
        return self._stk.ops.dsd(self._a, self.problem.B)
