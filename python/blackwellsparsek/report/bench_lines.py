"""Reads the JSON lines of `bsk bench` and `bsk sweep` (bench/record.h) as results.

A sweep measures every kernel on each case. The one predicted to be fastest is what a plan takes; the others
become alternatives to it.
"""

import math
from pathlib import Path

from ..records import OURS, Case, Clocks, Environment, Error, Record, RecordsError, Results, Spread, Times
from ..records import read_results as read_results_file
from ..records.decode import parse_json

SCHEMA_VERSION = 2
_NAMES = {
    "bsk": OURS,
    "cublas": "cublas_dense",
    "cublas-dense": "cublas_dense_random",
    "cusparse-csr": "cusparse_csr",
    "cusparse-bsr": "cusparse_bsr",
    "cusparse-bell": "cusparse_blocked_ell",
}
DENSE_KERNEL = "dense_cublas"
_BOUND = 0.01  # of the largest difference where the product is O(1)


def load(path: Path) -> Results:
    """Read any file of records that the report understands.

    Raises
    ------
    RecordsError
        Says what is wrong with the file.
    """
    if path.suffix != ".jsonl" or not path.is_file():
        return read_results_file(path)
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    return _read_lines(path) if '"schema_version"' in first else read_results_file(path)


def _read_lines(path: Path) -> Results:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    parsed = [(number, parse_json(line, f"{path}, line {number},")) for number, line in lines]
    try:
        kept = [data for _, data in parsed if data["overhead_us"] is None]
        versions = {data["schema_version"] for data in kept}
        if versions != {SCHEMA_VERSION}:
            raise RecordsError(f"{path} has the schema versions {versions}; expected {{{SCHEMA_VERSION}}}.")
        if any(data["case"].get("product") == "sampled" for data in kept):
            raise RecordsError(
                f"{path} holds sampled products; expected products of `bsk bench` or `bsk sweep`."
            )
        chosen = _chosen_by_the_plan(kept)
        records = tuple(_record(data, chosen) for data in kept)
        results = Results(_environment(kept), {}, source=str(path))
    except (KeyError, TypeError) as error:
        raise RecordsError(
            f"{path} is no file of `bsk bench`: {error!r} is missing or of a wrong type."
        ) from error
    return results.with_records(records)


def _environment(lines: list[dict]) -> Environment:
    first, last = lines[0], lines[-1]
    device, source = first["environment"], first["source"]
    hopper = any((line["kernel"] or "").startswith("spmm_sm90") for line in lines)
    return Environment(
        gpu=device["name"],
        compute_capability=device["compute_capability"],
        sm_count=device["sm_count"],
        memory_bytes=None,
        driver=device["driver"],
        cuda_driver=device["cuda_driver"],
        cuda_runtime=device["cuda_runtime"],
        cuda_build=None,
        torch=None,
        python="none: bsk bench",
        library_version=source["version"],
        commit=source["commit"],
        architectures="90a" if hopper else "unknown",  # spmm_sm90 runs only where built for it
        kernels_sha256=source["kernels_sha256"],
        plan_sha256=source.get("plan_sha256"),
        l2_bytes=None,
        copy_gb_per_s=None,
        date=last["time_utc"],
        command="bsk bench",
        hgmma=None,
        utmaldg=None,
    )


def _chosen_by_the_plan(lines: list[dict]) -> dict[Case, str]:
    """Case to the variant that a sweep predicted to be this library's fastest."""
    fastest: dict[Case, tuple[float, str]] = {}
    for line in lines:
        plan = line.get("plan")
        if plan is None or plan["packs_each_time"] or line["kernel"] == DENSE_KERNEL:
            continue
        case = _case(line["case"])
        fastest[case] = min(fastest.get(case, (math.inf, "")), (plan["predicted_ms"], plan["variant"]))
    return {case: variant for case, (_, variant) in fastest.items()}


def _settings(line: dict, case: Case, chosen: dict[Case, str]) -> str | None:
    """What was forced; None for what the plan would take anyway."""
    plan = line.get("plan")
    if plan is None or (plan["variant"] == chosen.get(case) and not plan["packs_each_time"]):
        return None
    return plan["variant"] + (", packing A each time" if plan["packs_each_time"] else "")


def _record(line: dict, chosen: dict[Case, str]) -> Record:
    case = _case(line["case"])
    times, load, error = line["times"], line["environment"], line["error"]
    correct = error is None or error["correct"]
    status, reason = "ok", None
    if line["skipped"] is not None:
        status, reason = "skipped", line["skipped"]
    elif not correct or times is None:
        status, reason = "wrong", "The result disagrees with the oracle."
    dense = line["implementation"].startswith("cublas")
    flop = (case.dense_flop if dense else case.stored_flop) / 1e9
    median = times["median_ms"] if times else None
    return Record(
        case=case,
        implementation=_NAMES.get(line["implementation"], line["implementation"]),
        status=status,
        reason=reason,
        other_pattern=line["implementation"] == "cublas-dense",
        time_ms=_times(times) if times else Times(),
        work="dense" if dense else "stored_blocks",
        executed_tflops=flop / median if median else None,
        dense_equivalent_tflops=case.dense_flop / 1e9 / median if median else None,
        error=_error(error, case) if error and "plan" not in line else None,  # a sweep has no oracle
        clocks=Clocks(load["sm_clock_mhz"], load["power_w"], tuple(load["throttle_reasons"] or ())),
        kernel=line["kernel"],
        plan=line["configuration"],
        settings=_settings(line, case, chosen),
    )


def _case(case: dict) -> Case:
    return Case(
        m=case["m"],
        n=case["n"],
        k=case["k"],
        block=case["block_m"],
        sparsity=round(1 - case["density_requested"], 6),
        density=case["density"],
        nnzb=case["nnzb"],
        dtype=case["dtype"],
        layout="nn" if case["b_layout"] == "row_major" else "linear",
        pattern=case["pattern"],
        seed=case["seed"],
    )


def _times(times: dict) -> Times:
    warm = Spread(times["median_ms"], times["p10_ms"], times["p90_ms"], times["min_ms"], None, times["runs"])
    return Times(None, warm, times["back_to_back_ms"])


def _error(error: dict, case: Case) -> Error:
    """Scale to a product that is O(1): entries of `bsk bench` have the variance of their terms' number."""
    typical = math.sqrt(max(case.k * case.density, 1))
    return Error(error["max_abs"] / typical, error["rel_frobenius"], _BOUND)
