"""Reading and writing block-sparse matrices: Matrix Market, .npz, safetensors, and DLMC .smtx.

Files of unstructured matrices (CSR) become BSR: the stored blocks are those with a nonzero. torch.sparse_bsr
knows no ragged edge, so sizes that are no multiple of the block are rounded up, with zeros in the padding.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ._files import replacing
from .bsr import BSRMatrix, as_bsr, block_of

if TYPE_CHECKING:
    import scipy.sparse

Block = tuple[int, int]

MAX_SIZE = 2**31 - 1  # rows, columns or entries
UNPROVEN_ROWS = 2**27  # rows may be empty: more of them than this need a file of as many bytes


def from_scipy(
    matrix: "scipy.sparse.spmatrix", block: Block | None = None, dtype: torch.dtype = torch.float16
) -> torch.Tensor:
    """Convert a SciPy sparse matrix to a torch.sparse_bsr tensor on the CPU.

    Parameters
    ----------
    matrix : scipy.sparse matrix or array
        Of any format. Duplicates are summed; explicit zeros do not make a block stored.
    block : (block_m, block_k), optional
        Needed unless `matrix` is in BSR form, whose own blocks are kept by default.
    dtype : torch.dtype
        Of the result's values.
    """
    import numpy as np

    if not hasattr(matrix, "tocsr"):
        raise TypeError(f"matrix is a {type(matrix).__name__}; expected a SciPy sparse matrix.")
    if block is not None:
        block = block_of(block)
    if np.iscomplexobj(matrix):
        raise ValueError("The matrix is complex; expected real values.")
    if matrix.format != "bsr" or (block is not None and block != matrix.blocksize):
        if block is None:
            raise ValueError(f"The matrix is in {matrix.format} form; pass block=(block_m, block_k).")
        csr = matrix.tocsr(copy=True).astype(np.float32)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        csr.resize(*(-(-size // side) * side for size, side in zip(csr.shape, block, strict=True)))
        matrix = csr.tobsr(blocksize=block)
    matrix = matrix.copy()
    matrix.sum_duplicates()
    matrix.sort_indices()
    return _bsr_tensor(
        torch.from_numpy(matrix.indptr),
        torch.from_numpy(matrix.indices),
        torch.from_numpy(matrix.data).to(dtype),
        matrix.shape,
    )


def to_scipy(A: torch.Tensor | BSRMatrix) -> "scipy.sparse.bsr_matrix":
    """Convert to a SciPy BSR matrix of float32 (SciPy knows no 16-bit values), whose arrays are copies."""
    import scipy.sparse

    stored = as_bsr(A).contiguous()
    stored.require_whole_blocks("SciPy's BSR form")
    arrays = (stored.values.float(), stored.col_indices, stored.crow_indices)
    data, indices, indptr = (array.detach().cpu().numpy() for array in arrays)
    return scipy.sparse.bsr_matrix((data, indices, indptr), shape=stored.shape, copy=True)


def load(
    path: str | os.PathLike, block: Block | None = None, dtype: torch.dtype = torch.float16
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
    readers = {".mtx": _read_mtx, ".npz": _read_npz, ".smtx": _read_smtx}
    if path.suffix == ".safetensors":
        A = _read_safetensors(path)
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
    writers = {".mtx": _write_mtx, ".npz": _write_npz, ".safetensors": _write_safetensors}
    if path.suffix not in writers:
        raise ValueError(f"{path} ends in {path.suffix!r}; expected .mtx, .npz or .safetensors.")
    with replacing(path) as temporary:
        writers[path.suffix](temporary, A)


def _bsr_tensor(
    crow_indices: torch.Tensor, col_indices: torch.Tensor, values: torch.Tensor, shape: tuple[int, int]
) -> torch.Tensor:
    try:
        return torch.sparse_bsr_tensor(crow_indices, col_indices, values, size=shape, check_invariants=True)
    except RuntimeError as error:
        raise ValueError(f"the arrays form no BSR matrix: {error}") from error


def _read_mtx(path: Path) -> "scipy.sparse.spmatrix":
    import scipy.io

    try:
        rows, cols, entries, form, _, _ = scipy.io.mminfo(path)
        if form != "coordinate":
            raise ValueError(f"the header says `{form}`; expected `coordinate`.")
        size = path.stat().st_size
        if max(rows, cols) > MAX_SIZE or rows > max(UNPROVEN_ROWS, size) or entries > size:
            raise ValueError(
                f"the size line says {rows} rows, {cols} columns and {entries} entries, in a file of {size} "
                f"bytes; expected at most {max(UNPROVEN_ROWS, min(size, MAX_SIZE))} rows, {MAX_SIZE} columns "
                "and an entry per byte."
            )
        return scipy.io.mmread(path)
    except FileNotFoundError:
        raise
    except (ValueError, OSError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path}: {error}") from error


def _write_mtx(path: Path, A: BSRMatrix) -> None:
    import scipy.io

    csr = to_scipy(A).tocsr()
    csr.eliminate_zeros()
    scipy.io.mmwrite(path, csr, field="real", symmetry="general")


def _read_npz(path: Path) -> "scipy.sparse.spmatrix":
    import zipfile
    import zlib

    import scipy.sparse

    try:
        matrix = scipy.sparse.load_npz(path)
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
    except FileNotFoundError:
        raise
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{path}, fields format, shape and data: {error}") from error
    except (
        ValueError,
        KeyError,
        MemoryError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise ValueError(f"{path}: {error}") from error
    return matrix


def _write_npz(path: Path, A: BSRMatrix) -> None:
    import scipy.sparse

    scipy.sparse.save_npz(path, to_scipy(A))


def _read_smtx(path: Path) -> "scipy.sparse.csr_matrix":
    """Three lines: "rows, cols, nnz", row offsets, column indices."""
    import numpy as np
    import scipy.sparse

    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    lines += [""] * (3 - len(lines))

    def integers(line: int, what: str, count: int, separator: str | None = None) -> "np.ndarray":
        words = lines[line].split(separator)
        try:
            numbers = np.array([int(word) for word in words], dtype=np.int64)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path}, line {line + 1} ({what}): {error}.") from error
        if len(numbers) != count:
            raise ValueError(f"{path}, line {line + 1} ({what}): {len(numbers)} numbers; expected {count}.")
        return numbers

    rows, cols, nnz = (int(size) for size in integers(0, "rows, cols, nnz", 3, ","))
    if min(rows, cols, nnz) < 0:
        raise ValueError(
            f"{path}, line 1 (rows, cols, nnz): {rows}, {cols}, {nnz}; expected none to be negative."
        )
    if max(rows, cols, nnz) > MAX_SIZE:
        raise ValueError(
            f"{path}, line 1 (rows, cols, nnz): {rows}, {cols}, {nnz}; expected at most {MAX_SIZE} each."
        )
    for number, line in enumerate(lines[3:], start=4):
        if line.strip():
            raise ValueError(f"{path}, line {number}: {line[:32]!r} follows; expected three lines.")
    offsets = integers(1, "row offsets", rows + 1)
    columns = integers(2, "column indices", nnz)
    if offsets[0] != 0 or offsets[-1] != nnz or (np.diff(offsets) < 0).any():
        raise ValueError(f"{path}, line 2 (row offsets): expected them to rise from 0 to {nnz}.")
    if nnz and (columns.min() < 0 or columns.max() >= cols):
        raise ValueError(f"{path}, line 3 (column indices): expected them in [0, {cols}).")
    return scipy.sparse.csr_matrix((np.ones(nnz, dtype=np.float32), columns, offsets), shape=(rows, cols))


def _read_safetensors(path: Path) -> torch.Tensor:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path}: {error}") from error
    if metadata.get("format") != "bsr":
        raise ValueError(f'{path}, metadata "format": {metadata.get("format")!r}; expected "bsr".')
    shape = _pair(path, metadata, "shape")
    block = _pair(path, metadata, "block")
    for name, dimensions in (("crow_indices", 1), ("col_indices", 1), ("values", 3)):
        if name not in tensors:
            raise ValueError(f"{path}: there is no tensor {name}.")
        if tensors[name].dim() != dimensions:
            raise ValueError(f"{path}, {name}: {tensors[name].dim()} dimensions; expected {dimensions}.")
    values = tensors["values"]
    if tuple(values.shape[1:]) != block:
        raise ValueError(
            f'{path}, metadata "block": {block}, but values have blocks of {tuple(values.shape[1:])}.'
        )
    if values.dtype not in (torch.float16, torch.bfloat16, torch.float32):
        raise ValueError(f"{path}, values: {values.dtype}; expected float16, bfloat16 or float32.")
    padded = tuple(-(-size // side) * side for size, side in zip(shape, block, strict=True))
    try:
        return _bsr_tensor(tensors["crow_indices"], tensors["col_indices"], values, padded)
    except ValueError as error:
        raise ValueError(f"{path}, crow_indices and col_indices: {error}") from error


def _pair(path: Path, metadata: dict[str, str], field: str) -> tuple[int, int]:
    text = metadata.get(field, "")
    words = text.split(",")
    if len(words) != 2 or not all(word.strip().isdecimal() for word in words):
        raise ValueError(f'{path}, metadata "{field}": {text!r}; expected two numbers, as in "128,64".')
    if field == "block" and any(int(word) == 0 for word in words):
        raise ValueError(f'{path}, metadata "block": {text!r}; expected positive sides.')
    return int(words[0]), int(words[1])


def _write_safetensors(path: Path, A: BSRMatrix) -> None:
    from safetensors.torch import save_file

    m, k = A.shape
    block_m, block_k = A.block
    save_file(
        {
            "crow_indices": A.crow_indices.to(torch.int32).contiguous(),
            "col_indices": A.col_indices.to(torch.int32).contiguous(),
            "values": A.values.detach().contiguous(),
        },
        path,
        metadata={"format": "bsr", "shape": f"{m},{k}", "block": f"{block_m},{block_k}"},
    )
