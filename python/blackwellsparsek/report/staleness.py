"""Which published figures were measured with other kernels, or another plan, than those in the tree."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..source_digests import FOLDERS, source_digests

_CALLED = {"kernels_sha256": "kernels", "plan_sha256": "plan"}
_FIELDS = {name: re.compile(rf'"{name}"\s*:\s*(?:"([0-9a-f]{{64}})"|null)') for name in FOLDERS}


@dataclass(frozen=True)
class Published:
    """One file of records under results/ and the digests of sources that it names.

    Attributes
    ----------
    path : Path
        Relative to the repository.
    digests : mapping
        By name; an empty string among them stands for records that name none.
    current : mapping
        The digests of the tree.
    """

    path: Path
    digests: Mapping[str, frozenset[str]]
    current: Mapping[str, str | None]

    @property
    def states(self) -> dict[str, str]:
        """Of kernels and of plan."""
        return {words: self._state(name) for name, words in _CALLED.items()}

    @property
    def stale(self) -> bool:
        """Whether the present sources may give other figures."""
        return set(self.states.values()) != {"present"}

    def _state(self, name: str) -> str:
        found, current = self.digests[name], self.current[name]
        if not any(found):
            return "not named"
        if found == {current}:
            return "present"
        return "in part other" if current in found else "other"


def published(repository: Path) -> list[Published]:
    """Every file of records below results/, by path."""
    current = source_digests(repository)
    files = sorted(path for path in (repository / "results").rglob("*") if path.suffix in {".json", ".jsonl"})
    return [Published(path.relative_to(repository), _named(path.read_text()), current) for path in files]


def _named(text: str) -> dict[str, frozenset[str]]:
    """The digests in a file; records from before there was a digest of the plan name only the kernels'."""
    found = {name: field.findall(text) for name, field in _FIELDS.items()}
    most = max(map(len, found.values()))
    return {name: frozenset(each + [""] * (most - len(each))) for name, each in found.items()}


def sentence(digests: Mapping[str, str | None], repository: Path) -> str:
    """Whether figures of these digests belong to the kernels and the plan in the tree."""
    current = source_digests(repository)
    kernels, plan = digests["kernels_sha256"], digests["plan_sha256"]
    if kernels is None:
        return "The records do not name the kernel sources that they were measured with."
    if kernels != current["kernels_sha256"]:
        return (
            f"**The kernel sources have changed since**: these figures belong to those with the "
            f"sha256 {kernels[:12]}…, and may be better or worse now."
        )
    belong = f"The figures belong to the present kernel sources (sha256 {kernels[:12]}…)"
    if plan is None:
        return f"{belong}; the records do not name the plan's sources, which choose among the kernels."
    if plan != current["plan_sha256"]:
        return (
            f"{belong}. **The plan's sources have changed since** (then sha256 {plan[:12]}…): it may choose "
            "other kernels or tiles now."
        )
    return f"{belong} and to the plan's (sha256 {plan[:12]}…)."
