#!/usr/bin/env bash
# Validates this checkout on a rented GPU: look, send, build, verify, run, bring home; see usage below.
set -euo pipefail
export LC_ALL=C
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=deploy/lib/output.sh
source "$ROOT/deploy/lib/output.sh"
# shellcheck source=deploy/lib/connection.sh
source "$ROOT/deploy/lib/connection.sh"
# shellcheck source=deploy/lib/check.sh
source "$ROOT/deploy/lib/check.sh"
# shellcheck source=deploy/lib/send.sh
source "$ROOT/deploy/lib/send.sh"
# shellcheck source=deploy/lib/session.sh
source "$ROOT/deploy/lib/session.sh"
# shellcheck source=deploy/lib/results.sh
source "$ROOT/deploy/lib/results.sh"
# shellcheck source=deploy/lib/cost.sh
source "$ROOT/deploy/lib/cost.sh"

WHEEL='' ATTACH=no REHEARSE=no
DIRECTORY=blackwellsparsek OUTPUT=$ROOT/results/rented
JOBS=()

usage() {
    cat <<'HELP'
Usage: deploy/deploy_to_h100.sh [TARGET] [--quick] [--full] [--profile] [OPTION...]
       deploy/deploy_to_h100.sh [TARGET] --attach

Validates the work tree on a machine with an NVIDIA GPU that is reached by ssh: says what the machine lacks, sends the
tracked sources, builds there with build.sh for the GPU found, verifies a small product against PyTorch, runs what is
asked in a session that survives a lost connection, and brings the results home. Every step can be repeated: the
same command goes on where the last one stopped. It starts and stops no machines and keeps no credentials.

TARGET is [user@]host[:port] or an alias of ~/.ssh/config. Without it the machine is taken from the environment:
  H100_IP      address         H100_PORT    port of ssh         H100_USER    user

What to run after the verification, in this order:
  --quick            the quickstart: 2 minutes
  --full             the comprehensive benchmark; an interrupted one goes on
  --profile          Nsight Compute on the quickstart's kernel

Options:
  --identity FILE    the private key, as ssh -i
  --wheel FILE       send this wheel instead of building there
  --attach           go back to the latest run: follow it to its end, bring its results home
  --directory DIR    where to work there, relative to the home folder (default: blackwellsparsek); a folder on a
                     volume that outlives the container lets a run go on after a restart
  --output DIR       where results go here (default: results/rented)
  --price DOLLARS    what the machine costs per hour; then says what was spent since the machine was started
  --limit DOLLARS    warns when that much was spent
  --rehearse         accept a machine without a GPU and verify on its CPU, to try the way before paying
  --dry-run          show every command, run none
  --help             this text

Examples:
  H100_IP=203.0.113.7 H100_PORT=22077 H100_USER=root deploy/deploy_to_h100.sh --quick
  deploy/deploy_to_h100.sh root@203.0.113.7:22077 --identity ~/.ssh/runpod --full --profile --price 2.49 --limit 5
  deploy/deploy_to_h100.sh my-h100 --directory /workspace/blackwellsparsek --full
  deploy/deploy_to_h100.sh my-h100 --attach

Exit codes:
  0   everything asked for was done; if judged, the verdict is go
  2   wrong usage
  3   the machine is not reached: wrong name or port, or not up
  4   the machine refuses the key, or shows another host key
  5   the machine lacks something; nothing was sent
  6   a disk is full
  7   the connection broke; the same command goes on, --attach goes back to a run
  8   the build failed
  9   the verification or a job failed
  10  the run was interrupted there, by a restart for example; the same command goes on
  11  another run is at work there
  20  the verdict on the results is no-go
  21  the verdict on the results is incomplete
  130 interrupted here; the run goes on
HELP
}

parse_arguments() {
    local jobs=' '
    while (($# > 0)); do
        case $1 in
            --quick | --full | --profile) jobs+="${1#--} " ;;
            --attach) ATTACH=yes ;;
            --rehearse) REHEARSE=yes ;;
            --dry-run) DRY_RUN=yes ;;
            --identity | --wheel | --directory | --output | --price | --limit)
                (($# > 1)) || fail "$EXIT_USAGE" "$1 needs a value; see --help."
                local name=${1#--}
                printf -v "${name^^}" '%s' "$2"
                shift
                ;;
            --help | -h) usage && exit 0 ;;
            -*) fail "$EXIT_USAGE" "There is no option $1; see --help." ;;
            *)
                [[ -z $HOST ]] || fail "$EXIT_USAGE" "Two targets were given, $HOST and $1: expected one."
                parse_target "$1"
                ;;
        esac
        shift
    done
    local job
    JOBS=(verify)
    [[ $REHEARSE == no ]] || JOBS=(verify_cpu)
    for job in quick full profile; do
        [[ $jobs != *" $job "* ]] || JOBS+=("$job")
    done
}

check_arguments() {
    if [[ -z $HOST ]]; then
        HOST=${H100_IP:-} PORT=${H100_PORT:-} LOGIN=${H100_USER:-}
        GIVEN=("${LOGIN:+$LOGIN@}$(host_for_rsync)${PORT:+:$PORT}" "${GIVEN[@]}")
    fi
    [[ -n $HOST ]] || fail "$EXIT_USAGE" "No machine was named: give [user@]host[:port], or set H100_IP; see --help."
    [[ -z $WHEEL || ($WHEEL == *.whl && -r $WHEEL) ]] ||
        fail "$EXIT_USAGE" "$WHEEL is no readable wheel: expected a file blackwellsparsek-*.whl."
    [[ $DIRECTORY =~ ^[A-Za-z0-9_./-]+$ && $DIRECTORY != -* ]] || fail "$EXIT_USAGE" \
        "'$DIRECTORY' is no folder for --directory: expected letters, digits and _ . / - only."
    [[ $ATTACH == no || (${#JOBS[@]} == 1 && -z $WHEEL) ]] ||
        fail "$EXIT_USAGE" "--attach goes back to a run as it was started: leave out what to run."
    set_up_connection
    check_price
    ATTACH_COMMAND="$(printf '%q ' deploy/deploy_to_h100.sh "${GIVEN[@]}")--attach"
}

# What --attach needs of the arguments given, to be typed again.
remember_arguments() {
    GIVEN=()
    while (($# > 0)); do
        case $1 in
            --quick | --full | --profile | --attach | --dry-run) ;;
            --wheel) shift ;;
            *) GIVEN+=("$1") ;;
        esac
        shift
    done
}

attach() {
    heading "looking for a run at $(where)"
    read_facts
    [[ $DRY_RUN == no ]] || return 0
    [[ -n ${FACTS[run]:-} ]] || fail "$EXIT_USAGE" "There is no run in $DIRECTORY at $(where):" \
        "start one, or name the place with --directory. A container that was made anew has lost its disk."
    say "run ${FACTS[run]}: ${FACTS[request]}"
}

deploy() {
    find_version
    check_machine
    say_cost
    if [[ ${FACTS[working]:-} == yes ]]; then
        [[ ${FACTS[request]} == "$VERSION ${JOBS[*]}" ]] || fail "$EXIT_BUSY" "Another run is at work at $(where):" \
            "${FACTS[request]#* } of ${FACTS[request]%% *}. Follow it: $ATTACH_COMMAND"
        say "This very run is at work there already: going back to it."
    else
        send
        start_run
    fi
}

# However it ends: a machine that was reached may cost money.
finish() {
    [[ -z ${FACTS[age_seconds]:-} ]] || remind_to_stop
    rm -rf "$SCRATCH"
}

main() {
    parse_arguments "$@"
    remember_arguments "$@"
    check_arguments
    SCRATCH=$(mktemp -d)
    trap finish EXIT
    trap stop_watching INT
    if [[ $ATTACH == yes ]]; then attach; else deploy; fi
    follow_run
    read_facts
    fetch_results
    [[ $DRY_RUN == yes ]] || judge_end
    judge_results
    return "$VERDICT"
}

main "$@"
