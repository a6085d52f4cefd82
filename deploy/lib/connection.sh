# shellcheck shell=bash disable=SC2154 # the other parts set what is read here
# The way to the machine: its address, ssh, and what ssh's failures mean.

HOST='' PORT='' LOGIN='' IDENTITY=''
SSH=()
# Seconds to wait before each new try after a connection broke.
readonly RETRY_DELAYS=(1 3 6)

# parse_target [USER@]HOST[:PORT]; HOST may be an alias of ~/.ssh/config, and an IPv6 address stands in brackets.
parse_target() {
    local address=$1
    if [[ $address == *@* ]]; then
        LOGIN=${address%@*}
        address=${address##*@}
    fi
    if [[ $address =~ ^\[(.+)\](:([^:]*))?$ ]] || [[ $address =~ ^([^:]+)(:([^:]*))?$ ]]; then
        HOST=${BASH_REMATCH[1]}
        [[ -z ${BASH_REMATCH[2]} ]] || PORT=${BASH_REMATCH[3]:-none}
    else
        fail "$EXIT_USAGE" "'$1' is no target: expected [user@]host[:port], with brackets around an IPv6 address."
    fi
}

# set_up_connection: builds the ssh command from what was given; what was not given is left to the user's ssh config.
set_up_connection() {
    [[ -z $PORT ]] || { [[ $PORT =~ ^[0-9]{1,5}$ ]] && ((10#$PORT >= 1 && 10#$PORT <= 65535)); } ||
        fail "$EXIT_USAGE" "'$PORT' is no port: expected a number from 1 to 65535."
    [[ $HOST =~ ^[A-Za-z0-9_.:%][A-Za-z0-9_.:%-]*$ ]] || fail "$EXIT_USAGE" "'$HOST' is no host name or address."
    [[ $LOGIN =~ ^[A-Za-z0-9_.-]*$ && $LOGIN != -* ]] || fail "$EXIT_USAGE" "'$LOGIN' is no user name."
    [[ -z $IDENTITY || -r $IDENTITY ]] ||
        fail "$EXIT_USAGE" "The key $IDENTITY cannot be read: give --identity the file of a private key."
    # BatchMode: no question can be answered in a script. The alive messages notice a dead connection in 15 seconds.
    SSH=(ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3
        -o StrictHostKeyChecking=accept-new)
    [[ -z $PORT ]] || SSH+=(-p "$PORT")
    [[ -z $LOGIN ]] || SSH+=(-l "$LOGIN")
    [[ -z $IDENTITY ]] || SSH+=(-i "$IDENTITY" -o IdentitiesOnly=yes)
}

where() {
    printf '%s' "${LOGIN:+$LOGIN@}$HOST${PORT:+ port $PORT}"
}

# over_ssh WORDS...: one command there; its words survive the far shell. Standard input is the caller's.
over_ssh() {
    local command
    printf -v command '%q ' "$@"
    run "${SSH[@]}" "$HOST" "${command% }"
}

# far ACTION [ARGUMENT...]: runs an action of deploy/remote.sh there, sent along so that it always fits this script.
far() {
    if [[ $DRY_RUN == yes ]]; then
        printf '%s < %s\n' "$(over_ssh bash -s -- "$@")" "$ROOT/deploy/remote.sh"
    else
        over_ssh bash -s -- "$@" <"$ROOT/deploy/remote.sh"
    fi
}

# The ssh command as rsync's -e wants it: words with blanks in single quotes.
ssh_for_rsync() {
    local word words=()
    for word in "${SSH[@]}"; do
        [[ $word != *' '* ]] || word="'$word'"
        words+=("$word")
    done
    printf '%s' "${words[*]}"
}

host_for_rsync() {
    if [[ $HOST == *:* ]]; then printf '[%s]' "$HOST"; else printf '%s' "$HOST"; fi
}

# is_broken CODE: whether this exit code of ssh or rsync is that of a connection that failed or broke.
is_broken() {
    case $1 in 10 | 12 | 30 | 35 | 255) return 0 ;; *) return 1 ;; esac
}

# is_final ERRORS: whether trying again cannot help.
is_final() {
    grep -qE 'No space left|Disk quota|Permission denied|Host key verification|resolve hostname|refused|timed out|banner exchange|kex_exchange' "$1"
}

# again_when_broken COMMAND...: runs it, and again after each of RETRY_DELAYS as long as the connection breaks.
# What the last try said on standard error is in $SCRATCH/errors.
again_when_broken() {
    local delay status
    for delay in "${RETRY_DELAYS[@]}" last; do
        status=0
        "$@" 2>"$SCRATCH/errors" || status=$?
        if ! is_broken "$status" || [[ $delay == last ]] || is_final "$SCRATCH/errors"; then
            return "$status"
        fi
        warn "the connection broke; trying again in $delay s"
        sleep "$delay"
    done
}

# explain_failure CODE DOING: ends the script with the one sentence that fits the code and $SCRATCH/errors.
explain_failure() {
    local errors
    errors=$(grep -vE '^(Warning: Permanently added|$)' "$SCRATCH/errors" || true)
    case $errors in
        *'No space left on device'* | *'Disk quota exceeded'*)
            fail "$EXIT_DISK_FULL" "The disk filled up while $2: make room on it and run the same command again." ;;
        *'HOST IDENTIFICATION HAS CHANGED'* | *'Host key verification failed'*)
            fail "$EXIT_REFUSED" "$(where) shows another host key than last time: if the machine is a new one at an" \
                "old address, run 'ssh-keygen -R $(known_as)' and try again." ;;
        *'Permission denied ('*)
            fail "$EXIT_REFUSED" "$(where) refused the key: give the key that the provider knows with --identity," \
                "and the user that its page names (root at RunPod, ubuntu at Lambda)." ;;
    esac
    [[ $REACHED == yes ]] || explain_unreachable "$errors"
    if is_broken "$1"; then
        fail "$EXIT_LOST" "The connection to $(where) broke while $2: run the same command again, it goes on from there."
    fi
    [[ -z $errors ]] || printf '%s\n' "$errors" >&2
    exit "$1"
}

# Why a machine that has not answered yet is not reached; returns where ERRORS do not say.
explain_unreachable() {
    case $1 in
        *'Could not resolve hostname'*)
            fail "$EXIT_UNREACHABLE" "No machine is called $HOST: check the name, or the alias in the ssh config." ;;
        *'Connection refused'*)
            fail "$EXIT_UNREACHABLE" "Nothing listens at $(where): check the port (containers map ssh to a port of" \
                "their own), and whether the machine is up." ;;
        *'banner exchange'* | *'kex_exchange_identification'* | *"doesn't support PTY"*)
            fail "$EXIT_UNREACHABLE" "What listens at $(where) is no full ssh server: check the port, and take the" \
                "direct TCP address where the provider also offers a proxy." ;;
        *'timed out'* | *'No route to host'* | *'unreachable'*)
            fail "$EXIT_UNREACHABLE" "$(where) does not answer: check the address, and whether the machine is up." ;;
    esac
}

known_as() {
    if [[ -n $PORT && $PORT != 22 ]]; then printf '[%s]:%s' "$HOST" "$PORT"; else printf '%s' "$HOST"; fi
}
