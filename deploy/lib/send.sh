# shellcheck shell=bash disable=SC2154 # the other parts set what is read here
# Packs exactly the tracked sources and brings them there.

VERSION=''

# Sets VERSION to the commit, marked -dirty where tracked files differ from it: what is sent is the work tree.
find_version() {
    VERSION=$(git -C "$ROOT" describe --always --abbrev=40 --dirty --exclude='*' 2>/dev/null) ||
        fail "$EXIT_USAGE" "$ROOT is no git checkout: what is tracked there cannot be told."
    local untracked
    untracked=$(git -C "$ROOT" ls-files --others --exclude-standard | wc -l)
    [[ $VERSION != *-dirty ]] ||
        warn "the work tree differs from its last commit; tracked files are sent as they are, and the run is marked -dirty"
    ((untracked == 0)) || warn "$untracked untracked files are not sent"
}

# The tracked files that exist, in a folder of their own.
pack() {
    if [[ $DRY_RUN == yes ]]; then
        show mkdir -p "$SCRATCH/sent"
        show git -C "$ROOT" ls-files -z --deduplicate '|' tar -C "$ROOT" --null --files-from=- -cf - '|' \
            tar -C "$SCRATCH/sent" -xf -
        [[ -z $WHEEL ]] || show mkdir -p "$SCRATCH/wheel" '&&' cp "$WHEEL" "$SCRATCH/wheel/"
        return
    fi
    mkdir -p "$SCRATCH/sent"
    git -C "$ROOT" ls-files -z --deduplicate | (cd "$ROOT" && while IFS= read -r -d '' file; do
        [[ ! -e $file && ! -L $file ]] || printf '%s\0' "$file"
    done) | tar -C "$ROOT" --null --files-from=- -cf - | tar -C "$SCRATCH/sent" -xf -
    if [[ -n $WHEEL ]]; then
        mkdir -p "$SCRATCH/wheel"
        cp "$WHEEL" "$SCRATCH/wheel/"
    fi
}

# By content, not by time: times of checkouts say nothing. Without -t a file that changed becomes newer than what was
# compiled from its old content.
rsync_folder() {
    run rsync --recursive --links --perms --checksum --partial --delete --compress -e "$(ssh_for_rsync)" \
        "$SCRATCH/$1/" "$(host_for_rsync):$DIRECTORY/$1/"
}

# The folder appears there only when all of it has arrived.
tar_folder() {
    # shellcheck disable=SC2016 # expanded by the far shell
    local unpack='rm -rf "$1.new" && mkdir -p "$1.new" &&
        if tar -xzf - -C "$1.new"; then rm -rf "$1" && mv "$1.new" "$1"; else rm -rf "$1.new"; exit 1; fi'
    if [[ $DRY_RUN == yes ]]; then
        show tar -C "$SCRATCH/$1" -czf - . '|' "${SSH[@]}" "$HOST" "$(printf '%q ' sh -c "$unpack" sh "$DIRECTORY/$1")"
    else
        tar -C "$SCRATCH/$1" -czf - . | over_ssh sh -c "$unpack" sh "$DIRECTORY/$1"
    fi
}

# send_folder NAME: $SCRATCH/NAME becomes DIRECTORY/NAME there.
send_folder() {
    local status=0 way=rsync_folder
    if [[ -n ${FACTS[absent_rsync]:-} ]] || ! command -v rsync >/dev/null; then
        way=tar_folder
        say "rsync is missing on one side: sending $1 with tar, which starts anew after a broken connection"
    fi
    again_when_broken "$way" "$1" || status=$?
    ((status == 0)) || explain_failure "$status" "sending to it"
}

send() {
    local wheel=()
    heading "sending ${VERSION}${WHEEL:+ and $(basename "$WHEEL")}"
    [[ -z $WHEEL ]] || wheel=("$(basename "$WHEEL")")
    pack
    far_step "making $DIRECTORY" prepare "$DIRECTORY"
    send_folder sent
    [[ -z $WHEEL ]] || send_folder wheel
    far_step "putting the sources in place" install "$DIRECTORY" "${wheel[@]}"
}

# far_step DOING ACTION...: an action that may be repeated when the connection breaks.
far_step() {
    local status=0
    again_when_broken far "${@:2}" || status=$?
    ((status == 0)) || explain_failure "$status" "$1"
}
