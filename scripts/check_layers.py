#!/usr/bin/env python3
"""Fail where a source file includes a layer to its right.

The layers are base, format, plan, kernels, api, and then the outer ones that use the library: bindings, cli,
bench, tests, examples. Public headers (``<bsk/...>``) may be included everywhere and include only each other
and the standard library. format and plan see no CUDA header, so that they build and run without a GPU.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LAYERS = ["base", "format", "plan", "kernels", "api"]
OUTER = ["bindings", "cli", "bench", "tests", "examples"]
SOURCE_SUFFIXES = {".h", ".cuh", ".cpp", ".cu", ".c"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
STANDARD_OR_BSK = re.compile(r"^(bsk/\w+\.h|\w+|std\w+\.h)$")
HOST_ONLY = {"format", "plan"}
CUDA_HEADER = re.compile(r"^(cuda|base/cuda)")


def fault(layer: str, bracket: str, header: str) -> str | None:
    """Say what is wrong with one include of a file in `layer`, or None."""
    top = header.split("/")[0]
    if layer == "include":
        ours_or_standard = bracket == "<" and STANDARD_OR_BSK.match(header)
        return None if ours_or_standard else "a public header includes only <bsk/...> and standard headers"
    if layer in HOST_ONLY and CUDA_HEADER.match(header):
        return f"{layer} must not see a CUDA header"
    if layer in LAYERS and bracket == '"':
        if top in OUTER:
            return f"{layer} must not include {top}"
        if top in LAYERS and LAYERS.index(top) > LAYERS.index(layer):
            return f"{layer} must not include {top}; layers include only leftwards: {' -> '.join(LAYERS)}"
    return None


def layer_of(path: Path) -> str:
    """Name the layer of a path relative to the repository root."""
    return path.parts[1] if path.parts[0] == "src" else path.parts[0]


def check(root: Path) -> list[str]:
    """Return one line for each include at fault below `root`."""
    faults = []
    for folder in ["include", "src", *OUTER]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in SOURCE_SUFFIXES:
                continue
            relative = path.relative_to(root)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                match = INCLUDE.match(line)
                reason = match and fault(layer_of(relative), match[1], match[2])
                if reason:
                    faults.append(f'{relative}:{number}: "{match[2]}": {reason}')
    return faults


def main() -> int:
    """Print the faults of the repository this script lies in; 1 if there are any."""
    faults = check(Path(__file__).resolve().parent.parent)
    print("\n".join(faults) if faults else "layers: every include points leftwards")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
