#!/usr/bin/env bash
# Checks the style of the tree: lint.sh BUILD_DIR. Needs ruff, clang-format 14, clang-tidy and shellcheck in PATH, and
# the compile_commands.json and the Python operators of a build. Stops at the first tool that finds something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:?usage: scripts/lint.sh BUILD_DIR}

sources() {
    git ls-files --cached --others --exclude-standard -- "$@"
}

echo "layers"
python3 scripts/check_layers.py
echo "measured tables"
PYTHONPATH=python python3 -m blackwellsparsek.report readme --check
echo "ruff"
ruff check .
echo "shellcheck"
sources '*.sh' .ci/run | xargs shellcheck
echo "clang-format"
sources '*.c' '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format --dry-run -Werror
echo "clang-tidy"
# The library's host sources: clang reads neither nvcc's options nor GCC's -fopenmp.
sources 'src/*.cpp' |
    xargs -P "$(nproc)" -n 1 clang-tidy -p "$build" --quiet --extra-arg=-fno-openmp
echo "lint: nothing found"
