# shellcheck shell=bash disable=SC2034 # the other parts use the codes
# Words, exit codes and the way every command is run, shared by all parts.

readonly EXIT_USAGE=2 EXIT_UNREACHABLE=3 EXIT_REFUSED=4 EXIT_LACKING=5 EXIT_DISK_FULL=6 EXIT_LOST=7
readonly EXIT_BUILD=8 EXIT_JOB=9 EXIT_INTERRUPTED=10 EXIT_BUSY=11 EXIT_NO_GO=20 EXIT_INCOMPLETE=21

DRY_RUN=no

say() {
    printf '%s\n' "$*"
}

heading() {
    printf '\n==> %s\n' "$*"
}

warn() {
    printf 'warning: %s\n' "$*" >&2
}

# fail CODE SENTENCE
fail() {
    printf 'deploy_to_h100.sh: %s\n' "${*:2}" >&2
    exit "$1"
}

# show COMMAND...: the command as it could be typed into a shell; the words | and && stand for themselves.
show() {
    local word line='+'
    for word in "$@"; do
        [[ $word == '|' || $word == '&&' || $word =~ ^[A-Za-z0-9_./:=@,+%-]+$ ]] || word=${word@Q}
        line+=" $word"
    done
    printf '%s\n' "$line"
}

# run COMMAND...: runs it, or only shows it in a dry run.
run() {
    if [[ $DRY_RUN == yes ]]; then
        show "$@"
    else
        "$@"
    fi
}
