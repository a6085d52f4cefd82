#!/usr/bin/env python3
"""Check what the installed shared library shows and needs.

It exports only ``bsk::`` and ``bsk_*``, and it needs no CUDA, fmt or Eigen library at run time, so that it
loads on a machine without any of them.
"""

from __future__ import annotations

import re
import subprocess
import sys

OURS = re.compile(r"^(bsk::|bsk_|(typeinfo|typeinfo name|vtable) for bsk::)")
NOT_NEEDED = re.compile(r"cuda|cublas|cusparse|fmt|torch", re.IGNORECASE)


def foreign_symbols(library: str) -> list[str]:
    """List the exported symbols that are not the library's own."""
    listing = subprocess.check_output(["nm", "-DC", "--defined-only", library], text=True)
    names = [line.split(maxsplit=2)[2] for line in listing.splitlines()]
    if not names:
        return ["(the library exports nothing)"]
    return [name for name in names if not OURS.match(name)]


def unwanted_libraries(library: str) -> list[str]:
    """List the shared libraries it is linked with and should not be."""
    listing = subprocess.check_output(["readelf", "-d", library], text=True)
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", listing)
    return [name for name in needed if NOT_NEEDED.search(name)]


def main() -> int:
    """Check the library named on the command line; 1 if something is wrong."""
    library = sys.argv[1]
    faults = [f"exports {name}" for name in foreign_symbols(library)]
    faults += [f"needs {name}" for name in unwanted_libraries(library)]
    print("\n".join(faults) if faults else "exports: only bsk:: and bsk_*; no CUDA or fmt library is needed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
