#!/usr/bin/env bash
# One stage of a run on the rented machine; remote.sh runs the stages one after the other.
#
# usage: jobs.sh [--show] STAGE DIRECTORY RESULTS [WHEEL]
#   STAGE      build, verify, verify_cpu, quick, full or profile
#   DIRECTORY  where source/ is
#   RESULTS    the folder for what is measured
#   WHEEL      a wheel to use instead of a build
# With --show the commands are printed and not run. Exit code: that of the command that failed.
set -euo pipefail

SHOW=no

run() {
    if [[ $SHOW == yes ]]; then
        printf '+%s\n' "$(printf ' %s' "$@")"
    else
        "$@"
    fi
}

# build.sh builds for the GPU that it finds.
build() {
    if [[ -z $WHEEL ]]; then
        run "$SOURCE/build.sh" build
        return
    fi
    [[ -x $DIRECTORY/venv/bin/pip ]] || run python3 -m venv --system-site-packages "$DIRECTORY/venv"
    local install=("$DIRECTORY/venv/bin/python" -m pip --disable-pip-version-check install --progress-bar off)
    # Like build.sh: a PyTorch that is new enough is used, else the one that was tested is installed.
    has_torch || run "${install[@]}" -r "$SOURCE/scripts/requirements/torch.txt"
    run "${install[@]}" --no-deps --force-reinstall "$WHEEL"
}

has_torch() {
    [[ $SHOW == no ]] && "$DIRECTORY/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import PackageNotFoundError, version

try:
    sys.exit(tuple(int(part) for part in version("torch").split(".")[:2]) < (2, 10))
except PackageNotFoundError:
    sys.exit(1)
PYTHON
}

verify() {
    run "${PYTHON[@]}" "$SOURCE/deploy/verify.py" "$@"
}

verify_cpu() {
    verify --device cpu
}

quick() {
    if [[ $SHOW == yes ]]; then
        run "${PYTHON[@]}" "$SOURCE/examples/quickstart.py"
    else
        "${PYTHON[@]}" "$SOURCE/examples/quickstart.py" 2>&1 | tee quickstart.log
    fi
}

# What the benchmark and the profiler use where it is there.
install_tools() {
    local install=("${PYTHON[@]}" -m pip --disable-pip-version-check install --quiet --progress-bar off)
    run "${install[@]}" -r "$SOURCE/scripts/requirements/benchmark.txt" ||
        echo "jobs.sh: not all tools of the benchmark could be installed; it goes on without"
    run "${install[@]}" --no-deps -r "$SOURCE/scripts/requirements/peers.txt" ||
        echo "jobs.sh: not all peers could be installed; they are skipped"
}

full() {
    install_tools
    local resume=()
    [[ ! -e $RESULTS/h100_results.json.partial.jsonl ]] || resume=(--resume)
    run "${PYTHON[@]}" "$SOURCE/benchmarks/comprehensive_benchmark.py" --sizes 4096 8192 16384 32768 \
        --sparsity 0.5 0.7 0.78 0.9 --iterations 100 --output h100_results.json "${resume[@]}"
}

profile() {
    install_tools
    local status=0
    run "${PYTHON[@]}" "$SOURCE/benchmarks/profile_ncu.py" || status=$?
    # 3: skipped, as it says itself, because the machine forbids counters; nothing else is lost by that.
    ((status == 3)) || return "$status"
}

main() {
    if [[ $1 == --show ]]; then
        SHOW=yes
        shift
    fi
    DIRECTORY=$2 RESULTS=$3 SOURCE=$2/source
    WHEEL=${4:-}
    PYTHON=(env "PYTHONPATH=$SOURCE/python${PYTHONPATH:+:$PYTHONPATH}" "$SOURCE/.venv/bin/python")
    [[ -z $WHEEL ]] || PYTHON=("$DIRECTORY/venv/bin/python")
    case $1 in
        build | verify | verify_cpu | quick | full | profile) ;;
        *) echo "jobs.sh: there is no stage $1" >&2 && exit 2 ;;
    esac
    # Some tools write beside where they are started.
    [[ $SHOW == yes ]] || cd "$RESULTS"
    "$1"
}

main "$@"
