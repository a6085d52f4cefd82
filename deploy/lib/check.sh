# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
# What the machine has and lacks, found out before anything is sent.

declare -A FACTS=()
GPUS=() FACTS_READ=0
# Whether the machine has answered in this call.
REACHED=no
# Free space in MB that the set-up needs; the packages from PyPI are most of it.
readonly SPACE_MB=2000 SPACE_TORCH_MB=10000 SPACE_NVCC_MB=2000
readonly OLDEST_PYTHON=3.10 OLDEST_TORCH=2.10 OLDEST_NVCC=12.4
# The first driver branches for CUDA 12.4 and for CUDA 13, which PyPI's PyTorch and compiler are made for.
readonly OLDEST_DRIVER=550 CUDA13_DRIVER=580

at_least() {
    [[ -n $1 && $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

read_facts() {
    local line status=0
    FACTS=() GPUS=() FACTS_READ=$SECONDS
    again_when_broken far check "$DIRECTORY" >"$SCRATCH/facts" 2>"$SCRATCH/errors" || status=$?
    if [[ $DRY_RUN == yes ]]; then
        cat "$SCRATCH/facts"
        return
    fi
    ((status == 0)) || explain_failure "$status" "looking at the machine"
    # Whatever the login prints besides does not begin like this.
    while IFS= read -r line; do
        line=${line#bsk }
        if [[ $line == gpu=* ]]; then
            GPUS+=("${line#gpu=}")
        else
            FACTS[${line%%=*}]=${line#*=}
        fi
    done < <(grep '^bsk ' "$SCRATCH/facts")
    [[ -n ${FACTS[age_seconds]:-} ]] || fail "$EXIT_LACKING" "$(where) did not answer a bash script: is bash its shell?"
    REACHED=yes
}

# gpu_field NUMBER: of the first GPU; 1 name, 2 compute capability, 3 memory in MiB, 4 driver.
gpu_field() {
    [[ ${#GPUS[@]} == 0 ]] || awk -F ', *' -v field="$1" '{ print $field }' <<<"${GPUS[0]}"
}

architecture() {
    case $(gpu_field 2) in
        9.0) echo "sm_90a" ;;
        8.*) echo "sm_$(gpu_field 2 | tr -d .)" ;;
        1[0-9].*) echo "PTX of sm_80, as it has no kernel of its own here" ;;
    esac
}

print_facts() {
    local gpu
    say "system:  ${FACTS[system]:-unknown}"
    for gpu in "${GPUS[@]}"; do
        say "GPU:     $(awk -F ', *' '{ printf "%s, compute capability %s, %s MiB, driver %s", $1, $2, $3, $4 }' <<<"$gpu")"
    done
    say "kernels: $(architecture)"
    say "nvcc:    ${FACTS[nvcc]:-none}"
    say "Python:  ${FACTS[python]:-none}"
    say "PyTorch: ${FACTS[torch]:-none}"
    say "disk:    ${FACTS[free_mb]} MB free for $DIRECTORY"
}

# One line for each thing that is missing.
lacking_gpu() {
    local driver capability
    driver=$(gpu_field 4)
    capability=$(gpu_field 2)
    if [[ -n ${FACTS[gpu_error]:-} ]]; then
        echo "nvidia-smi finds no working GPU: '${FACTS[gpu_error]}'. Choose another machine, or another image."
    elif ((${#GPUS[@]} == 0)); then
        echo "CUDA is missing: there is no nvidia-smi. Choose an image with the NVIDIA driver and CUDA."
    elif ! at_least "$capability" 8.0; then
        echo "$(gpu_field 1) has compute capability $capability: the kernels need 8.0 (A100) or newer."
    elif ! at_least "$driver" "$OLDEST_DRIVER"; then
        echo "The driver is $driver: CUDA $OLDEST_NVCC needs $OLDEST_DRIVER or newer. Choose an image with a newer one."
    elif ! at_least "$driver" "$CUDA13_DRIVER"; then
        if [[ -z $WHEEL ]] && ! at_least "${FACTS[nvcc]:-}" "$OLDEST_NVCC"; then
            echo "CUDA is missing: found nvcc ${FACTS[nvcc]:-none}, expected $OLDEST_NVCC or newer. The driver $driver" \
                "is too old for the CUDA 13 that build.sh would install (it needs $CUDA13_DRIVER). Choose an image with CUDA."
        fi
        if ! at_least "${FACTS[torch]:-}" "$OLDEST_TORCH"; then
            echo "PyTorch is missing: found ${FACTS[torch]:-none}, expected $OLDEST_TORCH or newer. The driver $driver is too" \
                "old for the CUDA 13 of PyPI's PyTorch (it needs $CUDA13_DRIVER). Choose an image with a newer PyTorch."
        fi
    fi
}

lacking() {
    [[ $REHEARSE == yes ]] || lacking_gpu
    at_least "${FACTS[python]:-}" "$OLDEST_PYTHON" ||
        echo "Python is ${FACTS[python]:-missing}: expected $OLDEST_PYTHON or newer. Choose an image with one."
    local tool
    for tool in flock setsid; do
        [[ -z ${FACTS[absent_$tool]:-} ]] || echo "The command $tool is missing: install the package util-linux there."
    done
    [[ -z ${FACTS[absent_apt-get]:-} || -n $WHEEL ]] ||
        echo "apt-get is missing: choose an image with Debian or Ubuntu, or send a wheel with --wheel."
    [[ -z ${FACTS[unwritable]:-} ]] ||
        echo "${FACTS[unwritable]} cannot be written by this user: give another place with --directory."
}

space_needed() {
    local needed=$SPACE_MB
    # What an earlier call has built needs no space again.
    if [[ ${FACTS[built]:-} == yes ]]; then
        echo 200
        return
    fi
    at_least "${FACTS[torch]:-}" "$OLDEST_TORCH" || needed=$((needed + SPACE_TORCH_MB))
    [[ -n $WHEEL ]] || at_least "${FACTS[nvcc]:-}" "$OLDEST_NVCC" || needed=$((needed + SPACE_NVCC_MB))
    echo "$needed"
}

# Ends the script where something is missing; a dry run only shows the look.
check_machine() {
    heading "what $(where) has"
    read_facts
    [[ $DRY_RUN == no ]] || return 0
    print_facts
    local missing needed
    mapfile -t missing < <(lacking)
    if ((${#missing[@]} > 0)); then
        printf 'missing: %s\n' "${missing[@]}" >&2
        fail "$EXIT_LACKING" "$(where) lacks what is listed above; nothing was sent."
    fi
    needed=$(space_needed)
    ((FACTS[free_mb] >= needed)) || fail "$EXIT_DISK_FULL" "The disk of $(where) has ${FACTS[free_mb]} MB free for" \
        "$DIRECTORY, and $needed MB are needed: choose a larger disk, or another place with --directory; nothing was sent."
    at_least "${FACTS[torch]:-}" "$OLDEST_TORCH" || say "PyTorch will be installed from PyPI into an environment of its own."
    [[ ${FACTS[no_root]:-} != yes ]] || warn "neither root nor sudo without a password: the build stops where system" \
        "packages are missing, and names them."
}
