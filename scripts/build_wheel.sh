#!/usr/bin/env bash
# Builds and audits the wheel; see usage below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The oldest C library it runs with: Debian 12, Ubuntu 22.04.
readonly PLATFORM=manylinux_2_34_x86_64 MOST_BYTES=$((20 * 1024 * 1024))

usage() {
    cat <<'HELP'
Usage: scripts/build_wheel.sh [OUT]

Builds blackwellsparsek-VERSION-cp310-abi3-manylinux_2_34_x86_64.whl into OUT (default: dist): one wheel for every
CPython >= 3.10 and PyTorch >= 2.10, with machine code for 80, 89 and 90a, or for BSK_ARCHITECTURES. Audits it: PyTorch's
and Python's stable ABI, the platform's libraries, at most 20 MB. Needs the tools of scripts/requirements/wheel.txt,
PyTorch and an nvcc (CUDACXX); `./build.sh wheel` installs what is missing and calls this.

  scripts/build_wheel.sh dist

Exit codes: 0 built and every audit passed, 1 a step failed, 2 wrong usage.
HELP
}

case ${1-} in
    --help | -h) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
esac
(($# <= 1)) || { usage >&2 && exit 2; }
OUT=${1:-dist} ARCHITECTURES=${BSK_ARCHITECTURES:-80;89;90a}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

python3 -m pip wheel . --no-deps --no-build-isolation --wheel-dir "$WORK/built" \
    --config-settings=build-dir=build/wheel "--config-settings=cmake.define.BSK_ARCHITECTURES=$ARCHITECTURES"
# LibTorch comes with the PyTorch that is installed; the OpenMP runtime goes into the wheel.
auditwheel repair "$WORK"/built/*.whl --plat "$PLATFORM" --exclude 'libtorch*' --exclude 'libc10*' \
    --wheel-dir "$WORK/repaired"

wheel=$(echo "$WORK"/repaired/*.whl)
abi3audit --strict "$wheel"
python3 -m zipfile -e "$wheel" "$WORK/unpacked"
torch-abi-audit --check torch "$WORK/unpacked/blackwellsparsek/_torch_ops.so"
bytes=$(stat -c %s "$wheel")
((bytes <= MOST_BYTES)) || { echo "The wheel has $bytes bytes, expected at most $MOST_BYTES." >&2 && exit 1; }

mkdir -p "$OUT"
mv "$wheel" "$OUT/"
echo "$OUT/${wheel##*/}: $bytes bytes"
