#!/usr/bin/env bash
# Everything that needs a GPU, on an existing build; see usage below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat <<'HELP'
Usage: scripts/gpu_check.sh [--build-dir DIR] [--out DIR] [--model-dir DIR] [--quick]

Runs all GPU tests, compute-sanitizer, the bench, the sweep of the cost model, patterns, shapes and epilogues, the
comparison with all peers, a profile, the host overhead and the examples of an existing build, goes on after a failure,
and writes a log for each step, the records and summary.json.

  --build-dir DIR   the build (default: build)
  --out DIR         where logs and records go (default: build/gpu_check)
  --model-dir DIR   the model of examples/real_weights.py, where its package is not installed
  --quick           a smaller bench and no racecheck

Exit codes: 0 every step passed, 1 a step failed, 2 wrong usage.
HELP
}

BUILD=build OUT=build/gpu_check MODEL='' QUICK=false
while (($# > 0)); do
    case $1 in
        --build-dir) BUILD=${2-} && shift ;;
        --out) OUT=${2-} && shift ;;
        --model-dir) MODEL=${2-} && shift ;;
        --quick) QUICK=true ;;
        --help | -h) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
    shift || true
done
[[ -n $BUILD && -n $OUT ]] || { usage >&2 && exit 2; }

readonly PYTHON=${PYTHON:-python3} STEP_LIMIT=300 # seconds
readonly SHARDS=8
CORES=$(nproc)
readonly THREADS=$((CORES > SHARDS ? CORES / SHARDS : 1)) # of a test process, so that those side by side share the cores
readonly ALONE='*AllocatesNothing*:SpmmCudaOffsets*'
# What racecheck does not follow (docs/worklog/small-blocks.md): a kernel's suite, and tests of another.
readonly UNFOLLOWED='*SpmmSm90Small*:*SpmmCuda*several_tiles_block_64x128*:*SpmmCuda*odd_lines_of_c_block_64*'
readonly BSK=$BUILD/cli/bsk TESTS=$BUILD/tests/gpu/bsk_gpu_tests
export PYTHONPATH=python BSK_PEERS=$BUILD/peers
mkdir -p "$OUT"

# cuBLAS and cuSPARSE may have come with PyTorch only.
pip_libraries() {
    "$PYTHON" - <<'PYTHON'
import site, sys
from pathlib import Path
roots = {Path(entry) for entry in [*site.getsitepackages(), *sys.path] if entry}
folders = {lib for root in roots for lib in root.glob("nvidia/*/lib") if any(lib.glob("lib*.so*"))}
print(":".join(str(folder) for folder in sorted(folders)))
PYTHON
}
LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$(pip_libraries)
export LD_LIBRARY_PATH

FAILURES=0 TABLE="" SUMMARY=""

# start NAME COMMAND...: begins one step in the background; it writes OUT/NAME.log.
start() {
    local name=$1
    shift
    printf '==> %s\n' "$name"
    (
        status=0 begin=$SECONDS
        timeout "$STEP_LIMIT" "$@" >"$OUT/$name.log" 2>&1 || status=$?
        printf '%d %d\n' "$status" $((SECONDS - begin)) >"$OUT/$name.status"
    ) &
}

# finish NAME...: waits for all steps begun and notes how these went.
finish() {
    local name status seconds result
    wait
    for name in "$@"; do
        read -r status seconds <"$OUT/$name.status"
        rm "$OUT/$name.status"
        result=passed
        if ((status != 0)); then
            result="FAILED, exit code $status"
            FAILURES=$((FAILURES + 1))
            tail -n 15 "$OUT/$name.log"
        fi
        TABLE+=$(printf '%-22s %4d s  %s' "$name" "$seconds" "$result")$'\n'
        SUMMARY+="${SUMMARY:+, }"$(printf '{"step": "%s", "exit_code": %d, "seconds": %d}' "$name" "$status" "$seconds")
    done
}

# check NAME COMMAND...: a step that runs alone, as measuring must.
check() {
    start "$@"
    finish "$1"
}

# start_shards NAME FILTER COMMAND...: begins the C++ tests of FILTER in shards, each under COMMAND, and adds their names to
# STARTED. Most of their time is the host's oracle.
start_shards() {
    local name=$1 filter=$2 shard
    shift 2
    for ((shard = 0; shard < SHARDS; shard++)); do
        STARTED+=("${name}_$shard")
        start "${name}_$shard" env OMP_NUM_THREADS=$THREADS GTEST_TOTAL_SHARDS=$SHARDS GTEST_SHARD_INDEX=$shard \
            "$@" "$TESTS" --gtest_filter="$filter"
    done
}

# tests: the C++ tests side by side with the Python tests, then those that look at the device's free memory or need all cores.
tests() {
    STARTED=()
    start_shards gpu_tests "-Sanitize*:$ALONE"
    start python_tests env OMP_NUM_THREADS=$THREADS "$PYTHON" -m pytest -m gpu tests/python
    finish "${STARTED[@]}" python_tests
    check tests_alone "$TESTS" --gtest_filter="$ALONE"
}

# sanitizers TOOL...: compute-sanitizer's tools, side by side, over the tests that are made for them; a finding fails.
# racecheck reports races inside cuBLAS, so it leaves out the tests that call it; and accesses of a warp of which one lane arrives at a
# barrier, as it does not follow what orders them within the warp (docs/worklog/small-blocks.md). What synccheck finds depends on which
# warp comes first (docs/worklog/grouped-rows.md): it runs each test three times.
sanitizers() {
    local tool filter repeat
    STARTED=()
    for tool in "$@"; do
        filter='Sanitize*' repeat=1
        if [[ $tool == synccheck ]]; then
            repeat=3
        fi
        if [[ $tool == racecheck ]]; then
            filter+="-*DenseCublas*:$UNFOLLOWED"
        fi
        start_shards "$tool" "$filter" env GTEST_REPEAT="$repeat" compute-sanitizer --tool "$tool" --error-exitcode 99
    done
    finish "${STARTED[@]}"
}

main() {
    local size=8192 tools=(memcheck synccheck racecheck)
    if $QUICK; then
        size=4096 tools=(memcheck synccheck)
    fi
    rm -f "$OUT"/*.jsonl

    check nvidia_smi nvidia-smi
    check bsk_info "$BSK" info
    check torch "$PYTHON" -c 'import sys, torch; print(sys.version, torch.__version__, torch.cuda.get_device_name())'
    tests
    sanitizers "${tools[@]}"
    check bench "$BSK" bench --size "$size" --block 128,64,32,16 --dtype float16,bfloat16 --layout nn,linear \
        --time-budget 4 --records "$OUT/bench.jsonl"
    check sweep "$BSK" sweep --size 2048,4096,"$size" --density 0.05,0.1,0.22,0.3,0.5,0.7,0.9,1 \
        --n 1,16,64,128,512,2048,8192 --time-budget 0.04 --runs 12 --records "$OUT/crossover.jsonl"
    check sampled "$BSK" sweep --sampled --size 2048,4096,"$size" --density 0.02,0.05,0.1,0.22,0.5,1 --block 128,64,32 \
        --n 512,2048,8192 --layout nn,linear --dtype bfloat16 --time-budget 0.02 --runs 12 --records "$OUT/sampled.jsonl"
    check patterns bash -c "'$PYTHON' benchmarks/patterns.py >'$OUT/patterns.jsonl'"
    check shapes bash -c "'$PYTHON' benchmarks/shapes.py >'$OUT/shapes.jsonl'"
    check comparison "$PYTHON" benchmarks/comprehensive_benchmark.py --sizes "$size" --sparsity 0.78 \
        --time-budget 5 --output "$OUT/results.json"
    check profile bash -c "'$PYTHON' benchmarks/profile_ncu.py --export '$OUT/h100_profile' || [[ \$? == 3 ]]"
    check overhead "$BSK" bench --overhead --size 1024 --records "$OUT/overhead.jsonl"
    check python_overhead "$PYTHON" benchmarks/python_overhead.py
    check linear_training bash -c \
        "'$PYTHON' benchmarks/linear_training.py --dtypes bfloat16 float16 --peers >'$OUT/linear_training.jsonl'"
    check quickstart "$PYTHON" examples/quickstart.py
    check real_weights "$PYTHON" examples/real_weights.py ${MODEL:+--model-dir "$MODEL"}
    check prune_minilm "$PYTHON" examples/prune_minilm.py ${MODEL:+--model-dir "$MODEL"}
    check train_mlp "$PYTHON" examples/train_mlp.py

    printf '[%s]\n' "$SUMMARY" >"$OUT/summary.json.tmp"
    mv "$OUT/summary.json.tmp" "$OUT/summary.json"
    printf '\n%s' "$TABLE"
    ((FAILURES == 0)) || { echo "$FAILURES steps failed; their logs are in $OUT" && exit 1; }
}

main
