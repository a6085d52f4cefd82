"""The built `bsk` command line: help, exit codes, file round trips and bench records."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

COMMANDS = ["info", "gen", "check", "bench"]
BENCH_CPU = ["bench", "--device", "cpu", "--size", "128", "--runs", "3"]


@pytest.fixture
def bsk(bsk_binary, tmp_path):
    """Runs `bsk` with the given arguments in an empty directory."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [bsk_binary, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def read_records(path: Path) -> list[dict]:
    """Every line of a records file, each of which must be a whole JSON object."""
    text = path.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def test_without_a_command_help_is_shown(bsk):
    result = bsk()
    assert result.returncode == 0
    assert all(command in result.stdout for command in COMMANDS)
    assert bsk("--help").stdout == result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_the_exit_codes(bsk, command):
    result = bsk(command, "--help")
    assert result.returncode == 0
    assert f"  bsk {command}" in result.stdout
    assert "Exit codes: 0" in result.stdout
    assert result.stderr == ""


def test_info_names_devices_and_kernels(bsk):
    result = bsk("info", "--json")
    assert result.returncode == 0
    info = json.loads(result.stdout)
    assert info["version"] == bsk("--version").stdout.strip()
    cpu = info["devices"][0]
    assert cpu["device"] == "cpu"
    runs = {kernel["kernel"]: kernel["runs"] for kernel in cpu["kernels"]}
    assert {kernel for kernel in runs if runs[kernel]} == {"spmm_cpu", "sddmm_cpu"}
    assert {"spmm_sm90", "sddmm_sm90", "sddmm_sm80", "sddmm_simt"} < set(runs)
    codes = {kernel["kernel"]: kernel["code"] for kernel in cpu["kernels"]}
    assert all(codes[kernel] == ("native" if runs[kernel] else None) for kernel in runs)
    assert (info["cuda_unavailable"] is None) == (len(info["devices"]) > 1)
    text = bsk("info").stdout
    assert all(kernel["kernel"] in text for kernel in cpu["kernels"])
    assert "not on this device" in text


@pytest.mark.parametrize("extension", ["safetensors", "mtx", "smtx"])
def test_check_reads_what_gen_wrote(bsk, extension):
    arguments = ["--m", "192", "--k", "256", "--block", "32x64", "--density", "0.25", "--seed", "7"]
    assert bsk("gen", f"a.{extension}", *arguments).returncode == 0
    result = bsk("check", f"a.{extension}", "--block", "32x64", "--n", "512", "--device", "h200", "--json")
    assert result.returncode == 0, result.stderr
    check = json.loads(result.stdout)
    assert (check["format"], check["m"], check["k"]) == (extension, 192, 256)
    assert (check["block_m"], check["block_k"], check["nnzb"]) == (32, 64, 6)
    assert check["density"] == 0.25
    assert sum(bin["block_rows"] for bin in check["histogram"]) == 6
    plan = check["plan"]
    assert plan["predicted_seconds"] > 0
    executed = 2 * check["nnzb"] * 32 * 64 * 512
    assert plan["predicted_executed_tflops"] == pytest.approx(executed / plan["predicted_seconds"] / 1e12)
    assert "spmm_sm90" in plan["explanation"]  # named with the reason why it is not taken

    text = bsk("check", f"a.{extension}", "--block", "32x64").stdout
    assert "6 blocks of 32x64" in text
    assert "#" in text


def test_check_takes_the_block_of_a_safetensors_file(bsk):
    bsk("gen", "a.safetensors", "--m", "128", "--k", "128", "--block", "16x128", "--dtype", "bfloat16")
    check = json.loads(bsk("check", "a.safetensors", "--json").stdout)
    assert (check["block_m"], check["block_k"], check["dtype"]) == (16, 128, "bfloat16")


def test_gen_depends_on_the_seed_only(bsk, tmp_path):
    for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]:
        bsk("gen", f"{name}.safetensors", "--m", "128", "--k", "128", "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "frobnicate"),
        (["info", "extra"], "extra"),
        (["gen", "a.mtx", "--m", "64"], "--k is required"),
        (["gen", "a.txt", "--m", "64", "--k", "64"], ".smtx"),
        (["gen", "a.mtx", "--m", "0", "--k", "64"], "--m"),
        (["gen", "a.mtx", "--m", "64", "--k", "64", "--block", "48"], "48"),
        (["gen", "a.mtx", "--m", "64", "--k", "64", "--block", "17x16"], "17"),
        (["gen", "a.mtx", "--m", "64", "--k", "64", "--density", "1.5"], "--density"),
        (["gen", "a.mtx", "--m", "64", "--k", "64", "--pattern", "zigzag"], "power_law"),
        (["gen", "a.mtx", "--m", "64", "--k", "64", "--dtype", "float8"], "bfloat16"),
        (["check"], "FILE is required"),
        (["check", "a.mtx", "--device", "h900"], "h200"),
        (["bench", "--block", "128x65"], "65"),
        (["bench", "--layout", "tt"], "linear"),
        (["bench", "--peers", "mkl"], "cusparse-bell"),
        (["bench", "--device", "tpu"], "cuda:INDEX"),
        (["bench", "--runs", "0"], "--runs"),
        (["bench", "--device", "cpu", "--dtype", "float16,float32", "--c-dtype", "float16"], "c_dtype"),
        (["bench", "--device", "cpu", "--m", "65536", "--n", "65536"], "more elements"),
    ],
)
def test_wrong_arguments_exit_with_2_and_one_sentence(bsk, tmp_path, arguments, words):
    result = bsk(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("bsk: ") and result.stderr.endswith(".\n")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.mtx", None),
        ("malformed.mtx", "%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1.0\n"),
        ("truncated.smtx", "2, 2, 2\n0 1 2\n0\n"),
        ("short.safetensors", "abc"),
        ("unknown.txt", "1 2 3\n"),
    ],
)
def test_bad_files_are_refused_by_name(bsk, tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_text(content)
    result = bsk("check", name)
    assert result.returncode == (2 if name == "unknown.txt" else 1)
    assert result.stdout == ""
    assert result.stderr.startswith("bsk: ") and result.stderr.count("\n") == 1
    assert name in result.stderr


def test_files_that_cannot_be_written_exit_with_1(bsk):
    assert bsk("gen", "absent/a.mtx", "--m", "64", "--k", "64").returncode == 1
    result = bsk(*BENCH_CPU, "--records", "absent/records.jsonl")
    assert result.returncode == 1
    assert "absent/records.jsonl" in result.stderr


def test_bench_records_are_consistent(bsk, tmp_path):
    result = bsk(
        *BENCH_CPU, "--n", "96", "--block", "32,64x16", "--dtype", "float16,float32", "--layout", "nn,linear",
        "--records", "records.jsonl",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "executed" in result.stdout and "dense-equivalent" in result.stdout
    records = read_records(tmp_path / "records.jsonl")
    assert len(records) == 8 * 6  # cases x (bsk and five peers)
    for record in records:
        assert record["schema_version"] == 2
        assert {len(record["source"][name]) for name in ("kernels_sha256", "plan_sha256")} == {64}
        if record["implementation"] != "bsk":
            assert record["skipped"] and record["times"] is None and record["executed_tflops"] is None
            continue
        case, times, error = record["case"], record["times"], record["error"]
        assert (case["m"], case["n"], case["k"]) == (128, 96, 128)
        assert case["density"] == pytest.approx(case["nnzb"] * case["block_m"] * case["block_k"] / 128**2)
        assert error["correct"] and 0 <= error["rel_frobenius"] <= error["tolerance"]
        assert times["runs"] == 3
        assert 0 < times["min_ms"] <= times["p10_ms"] <= times["median_ms"] <= times["p90_ms"]
        executed = 2 * case["nnzb"] * case["block_m"] * case["block_k"] * case["n"]
        assert record["executed_tflops"] == pytest.approx(executed / times["median_ms"] / 1e9)
        dense = 2 * case["m"] * case["n"] * case["k"]
        assert record["dense_equivalent_tflops"] == pytest.approx(dense / times["median_ms"] / 1e9)
        assert record["environment"]["device"] == "cpu" and record["kernel"] == "spmm_cpu"


def test_bench_appends_and_prints_the_same_records(bsk, tmp_path):
    arguments = [*BENCH_CPU, "--block", "64", "--peers", "none", "--records", "records.jsonl", "--json"]
    printed = [json.loads(bsk(*arguments).stdout) for _ in range(2)]
    assert read_records(tmp_path / "records.jsonl") == printed[0] + printed[1]


@pytest.fixture
def has_gpu(bsk) -> bool:
    """Whether the binary itself finds a CUDA device."""
    return json.loads(bsk("info", "--json").stdout)["cuda_unavailable"] is None


@pytest.mark.gpu
@pytest.mark.parametrize("layout", ["nn", "linear"])
def test_bench_on_a_gpu_measures_bsk_and_every_peer_it_finds(bsk, has_gpu, layout):
    if not has_gpu:
        pytest.skip("no CUDA device")
    sizes = ["--m", "1024", "--n", "768", "--k", "512", "--block", "64,32"]
    result = bsk("bench", *sizes, "--layout", layout, "--dtype", "float16,bfloat16", "--runs", "5", "--json")
    assert result.returncode == 0, result.stderr
    records = json.loads(result.stdout)
    assert len(records) == 4 * 6
    for case in (records[start : start + 6] for start in range(0, len(records), 6)):
        bsk_record = case[0]
        for record in case:
            if record["skipped"] is not None:
                assert record["implementation"] != "bsk"
                continue
            assert record["times"]["back_to_back_ms"] > 0
            if record["implementation"] == "cublas-dense":
                assert record["error"] is None and record["speedup_over_cublas"] is None
                assert record["executed_tflops"] == record["dense_equivalent_tflops"]
                share = bsk_record["executed_tflops"] / record["executed_tflops"]
                assert bsk_record["share_of_cublas_dense_rate"] == pytest.approx(share)
                assert bsk_record["share_of_cublas_dense_rate_back_to_back"] > 0
            else:
                assert record["error"]["correct"], record
                slack = 1 if record["implementation"] == "bsk" else 10
                assert record["error"]["tolerance"] == pytest.approx(slack * bsk_record["error"]["tolerance"])


@pytest.mark.gpu
def test_overhead_is_measured_on_a_gpu(bsk, has_gpu):
    if not has_gpu:
        pytest.skip("no CUDA device")
    result = bsk("bench", "--overhead", "--size", "1024", "--block", "64", "--json")
    assert result.returncode == 0, result.stderr
    (record,) = json.loads(result.stdout)
    assert record["times"] is None
    overhead = record["overhead_us"]
    assert 0 < overhead["min"] <= overhead["median"] <= overhead["p90"]
    assert overhead["calls"] == 1000


def test_overhead_needs_a_gpu(bsk, has_gpu):
    if has_gpu:
        pytest.skip("a CUDA device is present")
    result = bsk("bench", "--overhead")
    assert result.returncode == 1
    assert "needs a CUDA device" in result.stderr


def test_an_interrupt_keeps_what_was_measured(bsk_binary, tmp_path):
    records = tmp_path / "records.jsonl"
    options = "--device cpu --size 128 --peers none --block 64,32,16 --runs 100000 --time-budget 2"
    command = [bsk_binary, "bench", *options.split(), "--records", records]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not (records.exists() and records.read_text()):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    kept = read_records(records)
    assert 1 <= len(kept) < 3
    assert all(record["times"]["runs"] >= 1 for record in kept)
    assert "blocks 64x64" in stdout
    assert "interrupted" in stderr
