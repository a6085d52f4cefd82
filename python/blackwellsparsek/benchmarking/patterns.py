"""Where the stored blocks of a matrix are: masks of block rows and block columns by name."""

import numpy as np

PATTERNS = ("uniform", "banded", "block_diagonal", "power_law", "one_full_row", "causal")


def uniform(side: int, stored: int, random: np.random.Generator) -> np.ndarray:
    """`stored` blocks of side x side, drawn without replacement."""
    mask = np.zeros(side * side, dtype=bool)
    mask[random.choice(side * side, stored, replace=False)] = True
    return mask.reshape(side, side)


def power_law(side: int, density: float, random: np.random.Generator) -> np.ndarray:
    """Rows whose numbers of blocks fall as 1/rank, in random order; a few rows hold most blocks."""
    shares = 1 / np.arange(1, side + 1)
    counts = np.minimum(np.round(shares / shares.sum() * density * side * side), side).astype(int)
    mask = np.zeros((side, side), dtype=bool)
    for row, count in zip(random.permutation(side), counts, strict=True):
        mask[row, random.choice(side, count, replace=False)] = True
    return mask


def block_mask(pattern: str, side: int, density: float, random: np.random.Generator) -> np.ndarray:
    """Mask [side, side] of stored blocks; `one_full_row` and `causal` have a density of their own."""
    if pattern == "uniform":
        return uniform(side, max(1, round(density * side * side)), random)
    if pattern == "power_law":
        return power_law(side, density, random)
    row, col = np.indices((side, side))
    width = max(1, round(density * side / 2))
    if pattern == "banded":
        return np.abs(row - col) <= width
    if pattern == "block_diagonal":
        return row // (2 * width) == col // (2 * width)
    if pattern == "one_full_row":
        return row == side // 3
    if pattern == "causal":
        return col <= row
    raise ValueError(f"pattern is {pattern!r}; expected one of {', '.join(PATTERNS)}.")
