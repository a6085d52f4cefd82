#!/usr/bin/env bash
# Compiler launcher of the CUDA sources: runs the nvcc command it is given and fails it where ptxas reports a register
# spill or serialised wgmma instructions, which ptxas itself calls "info" whatever its warning flags are.
# What ptxas says is kept beside the object file as OBJECT.ptxas.log.
set -euo pipefail

object=kernel.o
for ((i = 1; i < $#; i++)); do
    if [[ ${!i} == -o ]]; then
        next=$((i + 1))
        object=${!next}
    fi
done
log=$object.ptxas.log

status=0
"$@" 2>"$log" || status=$?
if ((status != 0)); then
    cat "$log" >&2
    exit "$status"
fi

grep -vE '^ptxas info|bytes stack frame|^$' "$log" >&2 || true
if grep -E 'instructions are serialized|[1-9][0-9]* bytes spill' "$log" >&2; then
    echo "error: a kernel of $object spills registers or serialises wgmma; see $log" >&2
    rm -f "$object"
    exit 1
fi
