"""The digests by which records name the sources that decide their figures: the kernels and the plan."""

import hashlib
from pathlib import Path

#: Folder of each digest; records call the digests by these names.
FOLDERS = {"kernels_sha256": "src/kernels", "plan_sha256": "src/plan"}


def source_digests(repository: Path) -> dict[str, str | None]:
    """Each digest over path and content of every file of its folder; None where there are no sources.

    bench/CMakeLists.txt computes the same for the records of `bsk bench`; a test holds the two together.
    """
    return {name: _digest(repository, folder) for name, folder in FOLDERS.items()}


def _digest(repository: Path, folder: str) -> str | None:
    paths = sorted(path for path in (repository / folder).rglob("*") if path.is_file())
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(repository).as_posix()}\n"
        for path in paths
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest() if paths else None
