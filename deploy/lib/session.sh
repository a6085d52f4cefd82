# shellcheck shell=bash disable=SC2154 # the other parts set what is read here
# The run on the far side, which goes on without us, and the way back to it.

AT_WORK=no

# What Ctrl-C does. Without it ssh, which dies of it too, would look like a broken connection and be tried again.
stop_watching() {
    if [[ $AT_WORK == yes ]]; then
        say "Stopped watching; the run goes on. Back to it: $ATTACH_COMMAND"
    else
        say "Stopped before anything was started; the same command goes on from here."
    fi
    exit 130
}

start_run() {
    heading "starting: ${JOBS[*]}"
    # A run of the same version and jobs that did not end well goes on where it was, with what it has measured.
    local id
    id=$(date --utc +%Y%m%dT%H%M%SZ)
    if [[ ${FACTS[request]:-} == "$VERSION ${JOBS[*]}" && ${FACTS[state]} != "done" ]]; then
        id=${FACTS[run]}
        say "going on with the run $id, which had stopped at: ${FACTS[state]}"
    fi
    AT_WORK=yes
    far_step "starting the run" start "$DIRECTORY" "$id" "$VERSION" "${JOBS[@]}"
    if [[ $DRY_RUN == yes ]]; then
        say "and there, detached:"
        local stage
        for stage in build "${JOBS[@]}"; do
            "$ROOT/deploy/jobs.sh" --show "$stage" "$DIRECTORY" "$DIRECTORY/runs/$id/results" \
                "${WHEEL:+$DIRECTORY/wheel/$(basename "$WHEEL")}"
        done
    fi
    say "The run works detached: a lost connection does not stop it. Back to it: ${ATTACH_COMMAND}"
}

# Prints the log from where it is until the run ends; comes back by itself after a broken connection.
follow_run() {
    heading "progress"
    AT_WORK=yes
    : >"$SCRATCH/log"
    local status tries=0 before
    if [[ $DRY_RUN == yes ]]; then
        far follow "$DIRECTORY" 0
        return
    fi
    while true; do
        before=$(stat -c %s "$SCRATCH/log")
        status=0
        far follow "$DIRECTORY" "$before" 2>"$SCRATCH/errors" | tee -a "$SCRATCH/log" | print_with_cost || status=${PIPESTATUS[0]}
        ((status != 0)) || break
        is_broken "$status" || explain_failure "$status" "following the run"
        (($(stat -c %s "$SCRATCH/log") == before)) || tries=0
        if ((tries == ${#RETRY_DELAYS[@]})); then
            fail "$EXIT_LOST" "The connection to $(where) is lost. The run goes on as long as the machine does." \
                "Back to it: $ATTACH_COMMAND"
        fi
        warn "the connection broke; the run goes on there, trying again in ${RETRY_DELAYS[tries]} s"
        sleep "${RETRY_DELAYS[tries]}"
        tries=$((tries + 1))
    done
}

# Turns the state in which the run was left into a sentence, and into an exit code where it is not a good one.
judge_end() {
    local state stage code kind=$EXIT_BUILD
    read -r state stage code <<<"${FACTS[state]}"
    case $state in
        "done") say "The run has done everything asked for: ${FACTS[request]#* }." ;;
        failed)
            if [[ ${FACTS[free_mb]} -lt 10 ]] || tail -n 50 "$RESULTS/log" | grep -q 'No space left on device'; then
                fail "$EXIT_DISK_FULL" "The disk of $(where) filled up in the step '$stage': make room on it and run the same command again."
            fi
            [[ $stage == build ]] || kind=$EXIT_JOB
            fail "$kind" "The step '$stage' failed on $(where) with exit code $code:" \
                "the end of $RESULTS/log says why. What was measured before is kept; the same command goes on from there." ;;
        *) fail "$EXIT_INTERRUPTED" "The run was interrupted in the step '$stage': the machine was restarted or the process" \
            "ended. What was measured before is kept; the same command without --attach goes on from there." ;;
    esac
}
