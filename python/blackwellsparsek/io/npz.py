"""SciPy's .npz files."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..bsr import BSRMatrix
from .scipy_form import to_scipy

if TYPE_CHECKING:
    import scipy.sparse


def read_npz(path: Path) -> "scipy.sparse.spmatrix":
    """A matrix of any format; ValueError where the file is damaged."""
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


def write_npz(path: Path, A: BSRMatrix) -> None:
    """In BSR form, as float32."""
    import scipy.sparse

    scipy.sparse.save_npz(path, to_scipy(A))
