"""Text files: Matrix Market (.mtx), and DLMC's .smtx, which says where the nonzeros are only."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..bsr import BSRMatrix
from .scipy_form import to_scipy

if TYPE_CHECKING:
    import numpy as np
    import scipy.sparse

MAX_SIZE = 2**31 - 1  # rows, columns or entries
UNPROVEN_ROWS = 2**27  # rows may be empty: more of them than this need a file of as many bytes


def read_mtx(path: Path) -> "scipy.sparse.spmatrix":
    """A Matrix Market file in coordinate form; ValueError where its size line cannot be true."""
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


def write_mtx(path: Path, A: BSRMatrix) -> None:
    """The nonzeros, as text."""
    import scipy.io

    csr = to_scipy(A).tocsr()
    csr.eliminate_zeros()
    scipy.io.mmwrite(path, csr, field="real", symmetry="general")


def read_smtx(path: Path) -> "scipy.sparse.csr_matrix":
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
