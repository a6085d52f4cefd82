#!/usr/bin/env python3
"""Check the machine code of the Hopper kernels in a built library with cuobjdump.

Every ``spmm_sm90`` and ``sddmm_sm90`` kernel must contain HGMMA (warpgroup tensor-core) and UTMALDG (TMA
load) instructions, and no kernel of any architecture may keep registers in local memory.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable

NEEDED = ("HGMMA", "UTMALDG")
KERNELS = ("spmm_sm90", "sddmm_sm90")


def run(*command: str) -> list[str]:
    """Return the lines a command prints; raise CalledProcessError if it fails."""
    return subprocess.check_output(command, text=True).splitlines()


def missing_instructions(sass: Iterable[str]) -> dict[str, set[str]]:
    """Map each Hopper kernel of a cuobjdump -sass listing to the needed instructions it lacks."""
    missing: dict[str, set[str]] = {}
    current = ""
    for line in sass:
        function = re.search(r"Function : (\S+)", line)
        if function:
            current = function[1]
            if any(kernel in current for kernel in KERNELS):
                missing[current] = set(NEEDED)
        elif current in missing:
            missing[current] -= {name for name in missing[current] if name in line}
    return missing


def spilling_kernels(usage: Iterable[str]) -> tuple[list[str], int]:
    """Return the kernels of a -res-usage listing that use stack or local memory, and how many there are."""
    spilling, count, arch, current = [], 0, "", ""
    for line in usage:
        if match := re.match(r"arch = (\S+)", line):
            arch = match[1]
        elif match := re.search(r"Function (\S+):", line):
            current = match[1]
        elif match := re.search(r"STACK:(\d+).*LOCAL:(\d+)", line):
            count += 1
            if match[1] != "0" or match[2] != "0":
                spilling.append(f"{current} ({arch}): STACK {match[1]}, LOCAL {match[2]} bytes")
    return spilling, count


def main() -> int:
    """Check the library given on the command line; 1 if something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", help="libbsk.so or libbsk_core.a")
    parser.add_argument("--cuobjdump", default="cuobjdump", help="the cuobjdump to use")
    args = parser.parse_args()

    missing = missing_instructions(run(args.cuobjdump, "-sass", "-arch", "sm_90a", args.library))
    spilling, count = spilling_kernels(run(args.cuobjdump, "-res-usage", args.library))
    faults = [f"{kernel} has no {', '.join(sorted(names))}" for kernel, names in missing.items() if names]
    faults += [f"{line} of local memory" for line in spilling]
    if not missing:
        faults.append(f"{args.library} contains no Hopper kernel for sm_90a")
    for fault in faults:
        print(f"fault: {fault}")
    print(f"{count} kernels read, {len(missing)} of them for Hopper; {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
