"""The plans of the patterns that are alive, found by where their index tensors lie.

A pattern is known by the addresses, strides and sizes of its index tensors, as long as their storages live:
so views, detached tensors, and what torch.compile or a checkpointed region passes on all find the plan. With
the storages the plans go. In-place changes are noticed by the tensors' version counters.
"""

import weakref
from collections.abc import Callable
from functools import partial

import torch

from .bsr import Arrays

_PLANS_PER_PATTERN = 64  # forward, gradient of B and gradient of A for some sizes of B

_debug = False


def set_debug(enabled: bool) -> None:
    """Compare, from now on, the pattern of each product with the one that its plan was made for.

    Changes in place that torch does not count (through `.data`, by another library, or to inference tensors)
    give wrong results otherwise; in debug mode they raise a RuntimeError. Comparing synchronises on CUDA.
    """
    global _debug
    _debug = enabled


def check_pattern(planned: tuple[torch.Tensor, torch.Tensor], arrays: Arrays) -> None:
    """In debug mode, raise RuntimeError where `arrays` have another pattern than the planned one."""
    if _debug and not _capturing(arrays) and not _equal(planned, arrays):
        raise RuntimeError(
            "crow_indices and col_indices are not what the plan was made for: they were changed in a way "
            "that torch does not count. Make a new plan, or change them with torch operations in place."
        )


class _Pattern:
    """One pattern: copies of its indices on the CPU, to plan from and compare with, and its plans."""

    def __init__(self, place: tuple, arrays: Arrays) -> None:
        crow_indices, col_indices = arrays[:2]
        self.versions = _versions(arrays)
        self.indices = host_copies(arrays)
        self.plans: dict[tuple, object] = {}
        forget = partial(_forget, place, weakref.ref(self))
        self.storages = [
            weakref.ref(indices.untyped_storage(), forget) for indices in (crow_indices, col_indices)
        ]


_patterns: dict[tuple, _Pattern] = {}


def _forget(place: tuple, of: "weakref.ref[_Pattern]", _: object) -> None:
    pattern = _patterns.get(place)
    if pattern is not None and pattern is of():
        del _patterns[place]


def cached_plan(arrays: Arrays, key: tuple, make: Callable[[Arrays], object]) -> object:
    """`make(arrays)` of the first call with this pattern, values' shape and dtype, and `key`.

    `make` is given the indices on the CPU. After an in-place change of the index tensors the pattern is
    compared with the planned one, which synchronises on CUDA.
    """
    crow_indices, col_indices, values, shape = arrays
    strides = (crow_indices.stride(), col_indices.stride())
    # The sizes of both index tensors follow from those of the values and the matrix.
    place = (crow_indices.data_ptr(), col_indices.data_ptr(), strides, values.shape, shape)
    pattern = _patterns.get(place)
    if pattern is None:
        pattern = _new_pattern(place, arrays)
    elif pattern.versions != (versions := _versions(arrays)):
        _refuse_while_capturing(arrays)
        if _equal(pattern.indices, arrays):
            pattern.versions = versions
        else:
            pattern = _new_pattern(place, arrays)
    if _debug:
        check_pattern(pattern.indices, arrays)
    key = (key, values.dtype)
    plan = pattern.plans.get(key)
    if plan is None:
        _refuse_while_capturing(arrays)
        plan = make((*pattern.indices, values, shape))
        if len(pattern.plans) >= _PLANS_PER_PATTERN:
            pattern.plans.pop(next(iter(pattern.plans)), None)
        pattern.plans[key] = plan
    return plan


def host_copies(arrays: Arrays) -> tuple[torch.Tensor, torch.Tensor]:
    """Contiguous copies of the indices on the CPU, which no pool of a CUDA graph reclaims."""
    crow_indices, col_indices = (indices.detach().to("cpu", copy=True).contiguous() for indices in arrays[:2])
    return crow_indices, col_indices


def _new_pattern(place: tuple, arrays: Arrays) -> _Pattern:
    _refuse_while_capturing(arrays)
    pattern = _patterns[place] = _Pattern(place, arrays)
    return pattern


def _versions(arrays: Arrays) -> tuple[int | None, int | None]:
    """Counts of in-place changes."""
    try:
        return arrays[0]._version, arrays[1]._version
    except RuntimeError:  # inference tensors do not count
        return None, None


def _equal(planned: tuple[torch.Tensor, torch.Tensor], arrays: Arrays) -> bool:
    return all(torch.equal(host, now.cpu()) for host, now in zip(planned, arrays, strict=False))


def _capturing(arrays: Arrays) -> bool:
    return arrays[0].is_cuda and torch.cuda.is_current_stream_capturing()


def _refuse_while_capturing(arrays: Arrays) -> None:
    if _capturing(arrays):
        raise RuntimeError(
            "A product of a new pattern, size or layout met the capture of a CUDA graph, and no plan can be "
            "made there: call the same operation once before the capture, or pass plan= to sparse_mm."
        )
