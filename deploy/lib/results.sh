# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# Brings home what a run has measured, and has it judged.

RESULTS='' VERDICT=0

# The folder is named after the machine and the time of the run, and appears when everything is in it.
fetch_results() {
    heading "results"
    local name parts status=0
    name=$(printf '%s-%s-%s' "$(gpu_field 1)" "$HOST" "${FACTS[run]:-TIME}" | tr -c 'A-Za-z0-9.\n' '-' | sed 's/^-//')
    RESULTS=$OUTPUT/$name
    parts=$OUTPUT/.$name.partial
    run mkdir -p "$parts"
    again_when_broken fetch_files "$parts" || status=$?
    if ((status != 0)); then
        is_broken "$status" || rm -rf "$parts"
        explain_failure "$status" "bringing the results home"
    fi
    # A later fetch of the same run takes the place of the earlier one.
    run rm -rf "$RESULTS"
    run mv "$parts" "$RESULTS"
    [[ $DRY_RUN == no ]] || return 0
    say "in $RESULTS:"
    (cd "$RESULTS" && find . -type f -printf '  %P  %s bytes\n' | sort)
}

fetch_files() {
    local run=$DIRECTORY/runs/${FACTS[run]:-TIME}
    if [[ -z ${FACTS[absent_rsync]:-} ]] && command -v rsync >/dev/null; then
        run rsync --recursive --times --partial --delete --compress --prune-empty-dirs -e "$(ssh_for_rsync)" \
            --include='*/' --include='*.json' --include='*.jsonl' --include='*.csv' --include='*.ncu-rep' \
            --include='*.svg' --include='*.log' --include=/log --exclude='*' "$(host_for_rsync):$run/" "$1/"
    else
        # shellcheck disable=SC2016 # expanded by the far shell
        local pack='cd "$1" && find . -type f "(" -name "*.json" -o -name "*.jsonl" -o -name "*.csv" -o -name "*.ncu-rep" \
            -o -name "*.svg" -o -name "*.log" -o -path ./log ")" | tar -czf - -T -'
        if [[ $DRY_RUN == yes ]]; then
            show "${SSH[@]}" "$HOST" "$(printf '%q ' sh -c "$pack" sh "$run")" '|' tar -xzf - -C "$1"
        else
            over_ssh sh -c "$pack" sh "$run" | tar -xzf - -C "$1"
        fi
    fi
}

# The Python that can import the report: that of this checkout's build, or the user's.
report_python() {
    local python
    for python in "$ROOT/.venv/bin/python" python3; do
        if PYTHONPATH=$ROOT/python "$python" -c 'import blackwellsparsek.report' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

# Sets VERDICT to the exit code of this script that says it.
judge_results() {
    local python status=0 records=$RESULTS/results/h100_results.json
    if [[ $DRY_RUN == yes ]]; then
        say "and where the comprehensive benchmark has run:"
        show env "PYTHONPATH=$ROOT/python" "$(report_python || echo python3)" -m blackwellsparsek.report judge "$records"
    elif [[ ! -e $records ]]; then
        say "Nothing to judge: the comprehensive benchmark (--full) was not part of this run."
    elif python=$(report_python); then
        PYTHONPATH=$ROOT/python "$python" -m blackwellsparsek.report judge "$records" || status=$?
        case $status in
            0) say "verdict: go" ;;
            1) say "verdict: no-go" && VERDICT=$EXIT_NO_GO ;;
            2) say "verdict: incomplete" && VERDICT=$EXIT_INCOMPLETE ;;
            *) fail "$EXIT_JOB" "The report could not judge $records (exit code $status)." ;;
        esac
    else
        say "Not judged: the report cannot be imported here. After ./build.sh build:"
        say "  PYTHONPATH=python .venv/bin/python -m blackwellsparsek.report judge $records"
    fi
}
