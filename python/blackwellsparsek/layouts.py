"""How dense matrices lie in memory, and which layouts the kernels take."""

import torch

_ALIGNMENT = 16  # bytes; what the kernels' loads and stores need


def layout_of(matrix: torch.Tensor) -> tuple[bool, int, int] | None:
    """(column-major, leading dimension, elements from matrix to matrix) of a dense matrix or a batch.

    None where its strides are of neither kind. A single column counts as column-major where its elements are
    adjacent: that is the faster way to load it.
    """
    rows, cols = matrix.shape[-2:]
    row_stride, col_stride = matrix.stride()[-2:]
    stride = matrix.stride(0) if matrix.dim() == 3 and matrix.shape[0] > 1 else rows * cols
    if stride == 0 and rows * cols > 0:
        return None
    if col_stride == 1 and row_stride >= cols > 1:
        return False, row_stride, stride
    if row_stride == 1 and (cols <= 1 or col_stride >= rows):
        return True, max(1, rows, col_stride), stride
    if cols <= 1 and row_stride >= 1:
        return False, row_stride, stride
    if rows <= 1 and col_stride == 1:
        return False, max(1, cols), stride
    return None


def is_aligned(tensor: torch.Tensor) -> bool:
    """Whether kernels can load it where it is."""
    return tensor.data_ptr() % _ALIGNMENT == 0


def aligned(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or a row-major copy of it where kernels cannot load it where it is."""
    return tensor if is_aligned(tensor) else tensor.clone(memory_format=torch.contiguous_format)


def loadable(matrix: torch.Tensor) -> tuple[torch.Tensor, tuple[bool, int, int]]:
    """A matrix that kernels can load, itself or a row-major copy, and its layout."""
    layout = layout_of(matrix)
    if layout is None or not is_aligned(matrix):
        matrix = matrix.clone(memory_format=torch.contiguous_format)
        rows, cols = matrix.shape[-2:]
        layout = (False, max(1, cols), rows * max(1, cols))
    return matrix, layout
