"""SkyPilot and dstack themselves read the task files."""

import os
import subprocess
from pathlib import Path

import pytest

from far_side import REPOSITORY

ORCHESTRATORS = REPOSITORY / ".venv" / "orchestrators" / "bin" / "python"
READ_SKYPILOT = """
import sky
task = sky.Task.from_yaml("deploy/skypilot.yaml")
print(task.name, [resource.accelerators for resource in task.resources], task.resources[0].disk_size)
"""
READ_DSTACK = """
import yaml
from dstack._internal.core.models.configurations import parse_apply_configuration
task = parse_apply_configuration(yaml.safe_load(open("deploy/bsk-h100.dstack.yml")))
print(task.type, task.name, task.resources.gpu.name, task.max_duration)
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (READ_SKYPILOT, "bsk-h100 [{'H100': 1}, {'A100-80GB': 1}, {'L4': 1}] 100"),
        (READ_DSTACK, "task bsk-h100 ['H100'] 10800"),
    ],
    ids=["skypilot", "dstack"],
)
def test_task_file(tmp_path: Path, program: str, says: str) -> None:
    if not ORCHESTRATORS.exists():
        pytest.skip(f"{ORCHESTRATORS} is missing: ./build.sh test installs it")
    # Both write below the home folder.
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": ""}
    result = subprocess.run(
        [ORCHESTRATORS, "-c", program], cwd=REPOSITORY, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert says in result.stdout
