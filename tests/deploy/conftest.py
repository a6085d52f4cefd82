"""Fixtures: far sides, and the wheel to send to them."""

import base64
import hashlib
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from far_side import REPOSITORY, FarSide


@pytest.fixture(scope="module")
def make_far_side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., FarSide]]:
    """Make far sides that end with the module; skips where there is no sshd or rsync."""
    for command, package in (("sshd", "openssh-server"), ("rsync", "rsync"), ("ssh", "openssh-client")):
        if not shutil.which(command, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            pytest.skip(f"{command} is not installed (package {package})")
    made: list[FarSide] = []

    def make(**settings: Any) -> FarSide:
        made.append(FarSide(tmp_path_factory.mktemp("deploy"), **settings))
        return made[-1]

    yield make
    for far_side in made:
        far_side.end_run()
        far_side.stop()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the built tree as a wheel; skips where it is not built."""
    package = REPOSITORY / "python" / "blackwellsparsek"
    if not (package / "_torch_ops.so").exists():
        pytest.skip(f"{package}/_torch_ops.so is not built")
    name = "blackwellsparsek-0.1.0"
    path = tmp_path_factory.mktemp("wheel") / f"{name}-py3-none-linux_x86_64.whl"
    files = {
        file.relative_to(package.parent).as_posix(): file.read_bytes()
        for file in sorted(package.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }
    information = f"{name}.dist-info"
    files[f"{information}/METADATA"] = (
        b"Metadata-Version: 2.1\nName: blackwellsparsek\nVersion: 0.1.0\nRequires-Dist: torch>=2.10\n"
    )
    files[f"{information}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: py3-none-linux_x86_64\n"
    )
    digests = {file: hashlib.sha256(content).digest() for file, content in files.items()}
    record = "".join(
        f"{file},sha256={base64.urlsafe_b64encode(digest).decode().rstrip('=')},{len(files[file])}\n"
        for file, digest in digests.items()
    )
    files[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return path
