"""Dense matrices in blocks, and patterns of blocks."""

from numbers import Integral

import torch

SIDES = (16, 32, 64, 128, 256)  # of blocks that kernels multiply by


def block_of(block: int | tuple[int, int]) -> tuple[int, int]:
    """(block_m, block_k), for a size that of squares; ValueError unless both are positive integers."""
    sides = tuple(block) if isinstance(block, (tuple, list)) else (block, block)
    if len(sides) != 2 or not all(isinstance(side, Integral) and side > 0 for side in sides):
        raise ValueError(f"block is {block!r}; expected a positive size, or two of them (block_m, block_k).")
    return sides


def check_mask(mask: torch.Tensor, grid: tuple[int, int]) -> None:
    """Raise unless `mask` is bool and of as many block rows and block columns as `grid`."""
    if mask.dtype is not torch.bool:
        raise TypeError(f"mask is {mask.dtype}; expected torch.bool: convert it with mask.bool().")
    if tuple(mask.shape) != grid:
        raise ValueError(f"mask is {tuple(mask.shape)}; expected {grid} blocks.")


def pattern_of(mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(crow_indices, col_indices), int32, of a bool matrix of blocks."""
    crow_indices = torch.zeros(mask.shape[0] + 1, dtype=torch.int32, device=mask.device)
    crow_indices[1:] = mask.sum(1).cumsum(0)
    return crow_indices, mask.nonzero()[:, 1].int()


def block_rows_of(crow_indices: torch.Tensor, nnzb: int) -> torch.Tensor:
    """The block row of each of `nnzb` stored blocks, as int64; does not synchronise."""
    rows = torch.arange(crow_indices.shape[0] - 1, device=crow_indices.device)
    return rows.repeat_interleave(crow_indices.diff(), output_size=nnzb)


def split(dense: torch.Tensor, block: tuple[int, int]) -> torch.Tensor:
    """A matrix as [block_rows, block_cols, block_m, block_k], padded with zeros to whole blocks."""
    padding = [-size % side for size, side in zip(dense.shape, block, strict=True)]
    if any(padding):
        dense = torch.nn.functional.pad(dense, (0, padding[1], 0, padding[0]))
    rows, cols = (size // side for size, side in zip(dense.shape, block, strict=True))
    return dense.reshape(rows, block[0], cols, block[1]).transpose(1, 2)
