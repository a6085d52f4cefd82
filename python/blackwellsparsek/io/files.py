"""load and save, by file extension."""

import os
from pathlib import Path

import torch

from .._files import replacing
from ..bsr import BSRMatrix, as_bsr
from .npz import read_npz, write_npz
from .scipy_form import from_scipy
from .tensors_file import read_safetensors, write_safetensors
from .text import read_mtx, read_smtx, write_mtx


def load(
    path: str | os.PathLike, block: tuple[int, int] | None = None, dtype: torch.dtype = torch.float16
) -> torch.Tensor:
    """Read a torch.sparse_bsr matrix onto the CPU, by file extension.

    Parameters
    ----------
    path : path
        Ending in .mtx (Matrix Market), .npz (SciPy), .smtx (DLMC, pattern only: every entry counts as 1) or
        .safetensors (tensors crow_indices, col_indices, values; metadata format, shape, block).
    block : (block_m, block_k), optional
        Needed for the unstructured formats; a BSR file has its own, and other ones are refused.
    dtype : torch.dtype
        Of the values; a .safetensors file keeps its own.

    Raises
    ------
    ValueError
        The file is truncated, malformed, or contradicts itself; the message names the line or field.
    """
    path = Path(path)
    readers = {".mtx": read_mtx, ".npz": read_npz, ".smtx": read_smtx}
    if path.suffix == ".safetensors":
        A = read_safetensors(path)
        if block is not None and tuple(block) != tuple(A.values().shape[1:]):
            raise ValueError(f"{path} has blocks of {tuple(A.values().shape[1:])}, not {tuple(block)}.")
        return A
    if path.suffix not in readers:
        raise ValueError(f"{path} ends in {path.suffix!r}; expected .mtx, .npz, .smtx or .safetensors.")
    matrix = readers[path.suffix](path)
    try:
        return from_scipy(matrix, block, dtype)
    except (ValueError, MemoryError) as error:
        raise ValueError(f"{path}: {error}") from error


def save(path: str | os.PathLike, A: torch.Tensor | BSRMatrix) -> None:
    """Write a torch.sparse_bsr matrix or a BSRMatrix by file extension: .mtx, .npz or .safetensors.

    The file gets a temporary name and is renamed once complete. Only .safetensors keeps 16-bit values; .npz
    has them as float32, .mtx the nonzero ones as text.
    """
    A = as_bsr(A).contiguous()
    path = Path(path)
    writers = {".mtx": write_mtx, ".npz": write_npz, ".safetensors": write_safetensors}
    if path.suffix not in writers:
        raise ValueError(f"{path} ends in {path.suffix!r}; expected .mtx, .npz or .safetensors.")
    with replacing(path) as temporary:
        writers[path.suffix](temporary, A)
