"""The fit of the cost model's constants to measured times, for fit_cost_model.py.

The constants of

    fixed + max(tiles*tile + longer + (1 - overlap)*shorter, bytes/(bandwidth*memory_share))

with the longer and the shorter of steps*step and units*unit are found by least squares on the relative
error: which is longer is taken from the last round's constants, overlap is 0 or 1, what remains is
linear with constants that must not be negative.

`terms` have one row a record: tiles, steps, units, and the microseconds to move its bytes.
"""

from __future__ import annotations

import itertools

import numpy as np

NAMES = ("fixed", "tile", "step", "unit", "memory_share", "overlap")
ROUNDS = 40

Constants = dict[str, float]


def predict(terms: np.ndarray, c: Constants) -> np.ndarray:
    """Apply the cost model."""
    return c["fixed"] + np.maximum(work_of(terms, c), terms[:, 3] / c["memory_share"])


def work_of(terms: np.ndarray, c: Constants) -> np.ndarray:
    """Return the microseconds of tiles, steps and units."""
    tiles, steps, units, _ = terms.T
    by_steps, by_units = steps * c["step"], units * c["unit"]
    shorter = np.minimum(by_steps, by_units)
    return tiles * c["tile"] + np.maximum(by_steps, by_units) + (1 - c["overlap"]) * shorter


def non_negative(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares with no negative coefficient; the features are few enough to try every subset."""
    count = features.shape[1]
    best, best_error = np.zeros(count), float(np.sum(target**2))
    for size in range(1, count + 1):
        for chosen in map(list, itertools.combinations(range(count), size)):
            found, *_ = np.linalg.lstsq(features[:, chosen], target, rcond=None)
            error = float(np.sum((features[:, chosen] @ found - target) ** 2))
            if error < best_error and (found >= 0).all():
                best, best_error = np.zeros(count), error
                best[chosen] = found
    return best


def relative_error(terms: np.ndarray, times: np.ndarray, c: Constants) -> float:
    """Root mean square of the relative errors."""
    return float(np.sqrt(np.mean((predict(terms, c) / times - 1) ** 2)))


def fit(terms: np.ndarray, times: np.ndarray, start: Constants) -> Constants:
    """Improve `start` for as long as that lowers the relative error."""
    best, current = dict(start), dict(start)
    for _ in range(ROUNDS):
        tiles, steps, units, memory = terms.T
        step_counts = steps * current["step"] >= units * current["unit"]
        by_work = work_of(terms, current) >= memory / current["memory_share"]
        apart = 1 - current["overlap"]
        features = np.stack(
            [
                np.ones_like(times),
                tiles * by_work,
                steps * by_work * np.where(step_counts, 1, apart),
                units * by_work * np.where(step_counts, apart, 1),
                memory * ~by_work,
            ],
            axis=1,
        )
        found = non_negative(features / times[:, None], np.ones_like(times))
        used = features.any(axis=0)
        new = dict(current)
        for name, value, seen in zip(NAMES[:4], found, used, strict=False):
            if seen:
                new[name] = float(value)
        if used[4] and found[4] > 0:
            new["memory_share"] = float(1 / found[4])
        # Half a step: which side of a max counts must not jump to and fro.
        current = {name: (current[name] + new[name]) / 2 for name in NAMES}
        if relative_error(terms, times, current) < relative_error(terms, times, best):
            best = dict(current)
    return best


def starts(old: Constants) -> list[Constants]:
    """Return constants to begin a fit from: which side of a max counts at first decides where it ends."""
    return [
        {
            **old,
            "step": old["step"] * step,
            "unit": old["unit"] * unit,
            "memory_share": share,
            "overlap": overlap,
        }
        for step in (0.5, 1, 2)
        for unit in ((0.5, 1, 2) if old["unit"] else (1,))
        for share in (0.3, 0.6, 1)
        for overlap in ((0, 1) if old["unit"] else (1,))
    ]


def best_fit(terms: np.ndarray, times: np.ndarray, old: Constants) -> Constants:
    """Return the best of the fits that begin near the old constants."""
    fits = [fit(terms, times, start) for start in starts(old)]
    return min(fits, key=lambda c: relative_error(terms, times, c))
