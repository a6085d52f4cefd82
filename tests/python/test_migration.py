"""docs/migration.md does what it says: its blocks of code are run in order, as they stand there."""

import re
from pathlib import Path

import pytest
import torch

pytest.importorskip("scipy")


def test_every_block_of_code(repository: Path, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if device == "cpu":
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    blocks = re.findall(r"^```python\n(.*?)^```", (repository / "docs/migration.md").read_text(), re.M | re.S)
    assert len(blocks) >= 8
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"docs/migration.md, block {number}", "exec"), names)
