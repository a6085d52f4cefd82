"""What makes one wheel serve every Python and PyTorch; scripts/build_wheel.sh audits the wheel itself."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import blackwellsparsek as bsk

OPERATORS = Path(bsk.__file__).with_name("_torch_ops.so")
PRODUCT = """
import torch, blackwellsparsek as bsk
A = torch.eye(64).to_sparse_bsr((16, 16))
assert bsk.sparse_mm(A, torch.ones(64, 8)).sum() == 512
print(bsk.__file__)
"""


def test_operators_keep_to_the_stable_abi_of_pytorch():
    audit = Path(sysconfig.get_path("scripts")) / "torch-abi-audit"
    if not audit.exists():
        pytest.skip("torch-abi-audit is not installed: pip install -r scripts/requirements/test.txt")
    done = subprocess.run([audit, "--check", "torch", OPERATORS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "STABLE" in done.stdout and "2.10" in done.stdout


def test_operators_do_not_touch_python():
    """Else the wheel would serve one CPython only."""
    symbols = subprocess.run(
        ["nm", "--dynamic", "--undefined-only", OPERATORS], capture_output=True, text=True, check=True
    ).stdout
    assert "aoti_torch" in symbols or "torch_" in symbols  # nm has read it
    assert not [line for line in symbols.splitlines() if line.split()[-1].lstrip("_").startswith("Py")]


def test_a_wheel_works_where_it_is_installed(tmp_path: Path):
    if "BSK_WHEEL" not in os.environ:
        pytest.skip("no wheel to test: BSK_WHEEL=dist/blackwellsparsek-...whl names one of ./build.sh wheel")
    wheel = Path(os.environ["BSK_WHEEL"]).resolve()
    assert "-cp310-abi3-manylinux_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PRODUCT], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
