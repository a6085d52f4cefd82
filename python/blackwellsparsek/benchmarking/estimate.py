"""How long a run will take, said before it begins."""

from collections.abc import Sequence

import torch

from ..measure import interleaved_medians
from .cases import DTYPES, CaseSpec

_BEGINNING_SECONDS = 30.0  #: of libraries, compilers and tuners in the first cases
#: What an implementation takes at least where launches are long, in dense products of the case.
_DENSE_PRODUCTS_EACH = 6
_TIMED_SIZE = 4096


def expected_seconds(
    specs: Sequence[CaseSpec], implementations: int, seconds_per_case: float, device: torch.device
) -> float:
    """Each case takes its time, or more where its launches are long; fitted to runs on an H200."""
    if device.type == "cpu":  # this library alone
        return len(specs) * seconds_per_case
    rates = {dtype: _dense_rate(DTYPES[dtype], device) for dtype in {spec.dtype for spec in specs}}
    each = implementations * _DENSE_PRODUCTS_EACH
    return _BEGINNING_SECONDS + sum(
        max(seconds_per_case, each * 2 * spec.size**2 * spec.n / rates[spec.dtype]) for spec in specs
    )


def _dense_rate(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP a second of a dense product."""
    a = torch.randn(_TIMED_SIZE, _TIMED_SIZE, dtype=dtype, device=device)
    (seconds,) = interleaved_medians([lambda: a @ a], 3, device)
    return 2 * _TIMED_SIZE**3 / seconds
