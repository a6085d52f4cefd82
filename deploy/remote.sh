#!/usr/bin/env bash
# The half of deploy_to_h100.sh that runs on the rented machine; that script sends it along with every call.
#
# usage: remote.sh ACTION DIRECTORY [ARGUMENT...]
#   check DIRECTORY                       prints what the machine has, as lines "bsk key=value"; writes nothing
#   prepare DIRECTORY                     makes the folder
#   install DIRECTORY [WHEEL]             puts what was sent to DIRECTORY/sent and, if named, DIRECTORY/wheel in place
#   start DIRECTORY ID VERSION JOB...     starts a run, or goes on with it, detached from the connection
#   follow DIRECTORY BYTES                prints the run's log from this offset on, until the run ends
#   session DIRECTORY                     the run itself: build, verify, then its jobs
#
# DIRECTORY, relative to the home folder, holds
#   sent/       the files as they came        source/   the tree that is built in
#   wheel/      a wheel, if one was sent      venv/     the environment of the wheel
#   latest      the ID of the latest run      lock      held while a run works
#   runs/ID/    request, state, finished (stages), log, results/
# shellcheck disable=SC2317 # the actions are called by name
set -euo pipefail
export LC_ALL=C

# --- what the machine has ------------------------------------------------------------------------------------------

fact() {
    printf 'bsk %s=%s\n' "$1" "${*:2}"
}

gpu_facts() {
    local query=name,compute_cap,memory.total,driver_version listing line
    if ! command -v nvidia-smi >/dev/null; then
        return
    elif listing=$(nvidia-smi --query-gpu="$query" --format=csv,noheader,nounits 2>&1); then
        while IFS= read -r line; do
            fact gpu "$line"
        done <<<"$listing"
    else
        fact gpu_error "${listing//$'\n'/ }"
    fi
}

# The newest of those among which build.sh chooses.
nvcc_fact() {
    local nvcc
    for nvcc in "${CUDACXX:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
        [[ ! -x $nvcc ]] || "$nvcc" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p'
    done | sort --version-sort | tail -n 1 | while read -r newest; do fact nvcc "$newest"; done
}

# Age of process 1: that of the container, or of the machine where there is none.
age_fact() {
    local uptime fields
    read -r uptime _ </proc/uptime
    fields=$(</proc/1/stat)
    read -ra fields <<<"${fields##*) }"
    fact age_seconds $((${uptime%.*} - fields[19] / $(getconf CLK_TCK)))
}

check() {
    local parent=$DIRECTORY tool
    while [[ ! -d $parent ]]; do parent=$(dirname "$parent"); done
    gpu_facts
    nvcc_fact
    age_fact
    fact system "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
    fact python "$(python3 -c 'import platform; print(platform.python_version())' 2>/dev/null || true)"
    fact torch "$(python3 -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null || true)"
    fact free_mb "$(df -Pm "$parent" | awk 'NR == 2 { print $4 }')"
    [[ -w $parent ]] || fact unwritable "$parent"
    for tool in rsync flock setsid apt-get; do
        command -v "$tool" >/dev/null || fact "absent_$tool" yes
    done
    [[ $EUID == 0 ]] || sudo -n true 2>/dev/null || fact no_root yes
    [[ ! -d $DIRECTORY/source/build ]] || fact built yes
    run_facts
}

# --- the run and its state -------------------------------------------------------------------------------------------

open_latest() {
    RUN=$DIRECTORY/runs/$(<"$DIRECTORY/latest")
}

# A run's state is one line: "running STAGE", "failed STAGE CODE" or "done".
set_state() {
    echo "$*" >"$RUN/state.new"
    mv "$RUN/state.new" "$RUN/state"
}

run_facts() {
    [[ -e $DIRECTORY/latest ]] || return 0
    open_latest
    fact run "$(<"$DIRECTORY/latest")"
    fact request "$(<"$RUN/request")"
    fact state "$(<"$RUN/state")"
    if ! flock --nonblock --shared "$DIRECTORY/lock" true; then
        fact working yes
    fi
}

start() {
    local id=$1
    RUN=$DIRECTORY/runs/$id
    mkdir -p "$RUN/results"
    echo "${*:2}" >"$RUN/request"
    set_state running start
    echo "$id" >"$DIRECTORY/latest.new"
    mv "$DIRECTORY/latest.new" "$DIRECTORY/latest"
    setsid nohup bash "$DIRECTORY/source/deploy/remote.sh" session "$DIRECTORY" </dev/null >>"$RUN/log" 2>&1 &
    # Returns once the run is at work, so that whoever follows it finds its lock held.
    while [[ $(<"$RUN/state") == "running start" ]] && kill -0 $! 2>/dev/null; do sleep 0.1; done
}

follow() {
    open_latest
    flock --shared "$DIRECTORY/lock" true &
    tail --pid=$! --sleep-interval=0.2 --bytes="+$(($1 + 1))" --follow "$RUN/log" || true
    kill $! 2>/dev/null || true
}

# --- what was sent -----------------------------------------------------------------------------------------------

prepare() {
    mkdir -p "$DIRECTORY"
}

# Brings source/ to the state of sent/. Files with the same content keep their times, or all would be compiled again.
install() {
    local file wheel=${1:-}
    if [[ -z $wheel ]]; then
        rm -rf "$DIRECTORY/wheel" "$DIRECTORY/venv"
    else
        find "$DIRECTORY/wheel" -type f ! -name "$wheel" -delete
    fi
    mkdir -p "$DIRECTORY/source"
    cd "$DIRECTORY/sent"
    # What a kill in here leaves half written differs the next time, and nothing is built before.
    find . ! -type d -print0 | while IFS= read -r -d '' file; do
        { [[ -e ../source/$file ]] && cmp --silent "$file" "../source/$file"; } || printf '%s\0' "$file"
    done | tar --create --null --files-from=- |
        tar --extract --touch --preserve-permissions --directory=../source
    find . ! -type d | sort >../files.new
    if [[ -e ../files ]]; then
        comm -23 ../files ../files.new | while IFS= read -r file; do rm -f "../source/$file"; done
    fi
    mv ../files.new ../files
}

# --- the run itself ----------------------------------------------------------------------------------------------

session() {
    local version jobs stage status wheel
    open_latest
    wheel=$(find "$DIRECTORY/wheel" -name '*.whl' 2>/dev/null || true)
    exec 9>"$DIRECTORY/lock"
    flock --wait 5 9
    read -r version jobs <"$RUN/request"
    # The far tree has no history to ask.
    export BSK_COMMIT=$version PYTHONUNBUFFERED=1
    printf '%s: %s of %s\n' "$(date --utc +%FT%TZ)" "$jobs" "$version"
    touch "$RUN/finished"
    for stage in build $jobs; do
        # A run that goes on repeats what is quick and proves the set-up, and no job that it has finished.
        [[ $stage == build || $stage == verify* ]] || ! grep -qx "$stage" "$RUN/finished" || continue
        set_state running "$stage"
        printf '\n[%s] %s\n' "$(date --utc +%T)" "$stage"
        status=0
        "$DIRECTORY/source/deploy/jobs.sh" "$stage" "$DIRECTORY" "$RUN/results" "$wheel" || status=$?
        if ((status != 0)); then
            printf '\n[%s] %s failed (exit code %s)\n' "$(date --utc +%T)" "$stage" "$status"
            set_state failed "$stage" "$status"
            return
        fi
        echo "$stage" >>"$RUN/finished"
    done
    set_state "done"
    printf '\n[%s] done\n' "$(date --utc +%T)"
}

main() {
    local action=$1
    cd
    DIRECTORY=$2
    [[ $DIRECTORY == /* ]] || DIRECTORY=$HOME/$DIRECTORY
    case $action in
        check | prepare | install | start | follow | session) "$action" "${@:3}" ;;
        *) echo "remote.sh: unknown action $action" >&2 && exit 2 ;;
    esac
}

main "$@" </dev/null
exit
