"""The digest by which records name the kernel sources that they were measured with."""

import hashlib
from pathlib import Path


def kernels_sha256(repository: Path) -> str | None:
    """Digest over path and content of every file below src/kernels, or None where there are no sources.

    bench/CMakeLists.txt computes the same for the records of `bsk bench`; a test holds the two together.
    """
    paths = sorted(path for path in (repository / "src" / "kernels").rglob("*") if path.is_file())
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(repository).as_posix()}\n"
        for path in paths
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest() if paths else None
