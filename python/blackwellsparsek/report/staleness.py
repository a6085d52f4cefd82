"""Which published figures were measured with other kernel sources than those in the tree."""

import re
from dataclasses import dataclass
from pathlib import Path

from ..kernel_sources import kernels_sha256

_DIGEST = re.compile(r'"kernels_sha256"\s*:\s*(?:"([0-9a-f]{64})"|null)')


@dataclass(frozen=True)
class Published:
    """One file of records under results/ and the digests of kernel sources that it names."""

    path: Path  #: relative to the repository
    digests: frozenset[str]
    current: str | None  #: the digest of the tree

    @property
    def state(self) -> str:
        if not self.digests:
            return "names no kernel sources"
        if self.digests == {self.current}:
            return "of the present kernels"
        return "of other kernel sources" + (" in part" if self.current in self.digests else "")

    @property
    def stale(self) -> bool:
        return self.digests != {self.current}


def published(repository: Path) -> list[Published]:
    """Every file of records below results/, by path."""
    current = kernels_sha256(repository)
    files = sorted(path for path in (repository / "results").rglob("*") if path.suffix in {".json", ".jsonl"})
    return [
        Published(
            path.relative_to(repository), frozenset(filter(None, _DIGEST.findall(path.read_text()))), current
        )
        for path in files
    ]


def sentence(digest: str | None, repository: Path) -> str:
    """Whether figures of this digest belong to the kernels in the tree."""
    if digest is None:
        return "The records do not name the kernel sources that they were measured with."
    if kernels_sha256(repository) == digest:
        return f"The figures belong to the present kernel sources (sha256 {digest[:12]}…)."
    return (
        f"**The kernel sources have changed since**: these figures belong to those with the "
        f"sha256 {digest[:12]}…, and may be better or worse now."
    )
