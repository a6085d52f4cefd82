"""Verdicts on records that pass, fail, lack something, or come from another GPU."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import synthetic_records as synthetic
from hypothesis import HealthCheck, given, settings, strategies

from blackwellsparsek.records import OURS, RecordsError, Results, write_results
from blackwellsparsek.report.__main__ import main
from blackwellsparsek.report.arithmetic import check_of_projection
from blackwellsparsek.report.bench_lines import load
from blackwellsparsek.report.criteria import Criteria
from blackwellsparsek.report.judge import Judgement, Verdict, judge
from blackwellsparsek.report.selection import matching


def exit_code(results: Results, tmp_path: Path) -> int:
    """Of the command line, on these records as a file."""
    write_results(results, tmp_path / "results.json")
    return main(["judge", str(tmp_path / "results.json")])


def instead(results: Results, implementation: str, reason: str, status: str = "skipped") -> Results:
    """The records with those of one implementation not measured."""
    return replace(
        results,
        records=tuple(
            synthetic.not_measured(r.case, implementation, reason, status)
            if r.implementation == implementation
            else r
            for r in results.records
        ),
    )


def verdicts(judgement: Judgement, id: str) -> list[Verdict]:
    return [v for _, group in judgement.levels for v in group if v.criterion.id == id]


def verdict(judgement: Judgement, id: str) -> Verdict:
    (only,) = verdicts(judgement, id)
    return only


def test_go(criteria: Criteria, tmp_path: Path) -> None:
    judgement = judge(synthetic.results(), criteria)
    assert judgement.decision == "GO"
    rate = verdict(judgement, "rate")
    assert rate.value == pytest.approx(650, rel=1e-3)
    assert "record 21: BlackwellSparseK, 8192³, block 128" in rate.evidence[0]
    assert "block 64: 500, block 32: 350, block 16: 170" in rate.evidence[1]
    assert exit_code(synthetic.results(), tmp_path) == 0


def test_no_go_below_the_minimum_rate(criteria: Criteria, tmp_path: Path) -> None:
    slow = synthetic.results(scale=0.5)
    assert verdict(judge(slow, criteria), "rate").outcome == "not met"
    assert exit_code(slow, tmp_path) == 1


@pytest.mark.parametrize(("scale", "target", "stretch"), [(0.8, "not met", "not met"), (1.2, "met", "met")])
def test_rates_of_target_and_stretch(criteria: Criteria, scale: float, target: str, stretch: str) -> None:
    judgement = judge(synthetic.results(scale), criteria)
    assert judgement.decision == "GO"
    assert verdict(judgement, "rate_target").outcome == target
    assert verdict(judgement, "rate_stretch").outcome == stretch


def test_a_rate_whose_spread_reaches_over_the_limit_says_so(criteria: Criteria) -> None:
    barely = synthetic.results(scale=402 / 650)
    found = verdict(judge(barely, criteria), "rate")
    assert found.outcome == "met"
    assert "the spread reaches over the limit" in found.found


@pytest.mark.parametrize("status", ["wrong", "failed"])
def test_one_wrong_case_anywhere_is_no_go(criteria: Criteria, tmp_path: Path, status: str) -> None:
    results = synthetic.results()
    other = synthetic.not_measured(synthetic.case(4096, 16), OURS, "An element is off by 3.", status)
    results = results.with_records((other,))
    found = verdict(judge(results, criteria), "runs")
    assert found.outcome == "not met"
    assert "An element is off by 3." in found.evidence[0]
    assert exit_code(results, tmp_path) == 1


def test_a_case_that_was_out_of_memory_is_no_error(criteria: Criteria) -> None:
    other = synthetic.not_measured(synthetic.case(32768, 16), OURS, "Out of memory.")
    assert judge(synthetic.results().with_records((other,)), criteria).decision == "GO"


@pytest.mark.parametrize("architectures", ["90a", "80;89;90a", "80 89 90a", "90a-real"])
def test_built_for_hopper_among_others(criteria: Criteria, architectures: str) -> None:
    judgement = judge(synthetic.results(architectures=architectures), criteria)
    assert verdict(judgement, "built_for_hopper").outcome == "met"


def test_not_built_for_hopper_is_no_go(criteria: Criteria) -> None:
    judgement = judge(synthetic.results(architectures="80;90"), criteria)
    assert verdict(judgement, "built_for_hopper").outcome == "not met"
    assert judgement.decision == "NO-GO"


def test_a_build_that_is_not_known_is_judged_by_its_machine_code(criteria: Criteria) -> None:
    for hgmma, outcome in ((1000, "met"), (0, "not met"), (None, "not measured")):
        judgement = judge(synthetic.results(architectures="unknown", hgmma=hgmma), criteria)
        assert verdict(judgement, "built_for_hopper").outcome == outcome


def test_every_format_of_cusparse_is_judged_and_the_least_flattering_comes_first(criteria: Criteria) -> None:
    found = verdicts(judge(synthetic.results(), criteria), "over_pytorch_sparse")
    assert [v.peer for v in found] == ["cusparse_blocked_ell", "cusparse_bsr", "torch_sparse_csr"]
    assert [v.outcome for v in found] == ["not met", "met", "met"]
    assert [v.counts for v in found] == [False, False, True]


def test_a_wrong_peer_gets_no_speedup_and_the_next_format_decides(criteria: Criteria) -> None:
    results = instead(synthetic.results(), "torch_sparse_csr", "An element is off by 0.015.", "wrong")
    judgement = judge(results, criteria)
    csr = next(v for v in verdicts(judgement, "over_pytorch_sparse") if v.peer == "torch_sparse_csr")
    assert (csr.outcome, csr.counts, csr.value) == ("not measured", False, None)
    assert csr.found == "wrong: An element is off by 0.015."
    bsr = next(v for v in verdicts(judgement, "over_pytorch_sparse") if v.peer == "cusparse_bsr")
    assert (bsr.outcome, bsr.counts) == ("met", True)


def test_a_record_of_another_pattern_is_never_compared(criteria: Criteria) -> None:
    results = synthetic.results()
    records = tuple(
        replace(r, other_pattern=True) if r.implementation == "cutlass_dense" else r for r in results.records
    )
    found = verdict(judge(replace(results, records=records), criteria), "over_cutlass_target")
    assert (found.outcome, found.value) == ("not measured", None)


def test_without_any_right_sparse_peer_it_is_incomplete(criteria: Criteria, tmp_path: Path) -> None:
    results = synthetic.results()
    for name in ("torch_sparse_csr", "cusparse_bsr"):
        results = instead(results, name, "It is not installed.")
    assert judge(results, criteria).outcome_of("minimum") == "not measured"
    assert exit_code(results, tmp_path) == 2


@pytest.mark.parametrize("kept", [(), ("cublas_dense",)])
def test_records_without_our_own_are_incomplete(criteria: Criteria, tmp_path: Path, kept: tuple) -> None:
    results = synthetic.results()
    results = replace(results, records=tuple(r for r in results.records if r.implementation in kept))
    assert exit_code(results, tmp_path) == 2


def test_a_headline_case_that_was_not_run_is_incomplete(criteria: Criteria, tmp_path: Path) -> None:
    assert exit_code(synthetic.results(sizes=(4096,)), tmp_path) == 2


def test_another_gpu_gets_no_verdict(criteria: Criteria, tmp_path: Path, capsys) -> None:
    l4 = synthetic.results(gpu="NVIDIA L4", compute_capability="8.9", architectures="89")
    assert exit_code(l4, tmp_path) == 2
    assert "which this L4 is not: its records are shown without a verdict" in capsys.readouterr().out


def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, capsys) -> None:
    (tmp_path / "results.json").write_text('{"schema": "bsk.results/9"}')
    assert main(["judge", str(tmp_path / "results.json")]) == 2
    assert "has the schema 'bsk.results/9'" in capsys.readouterr().err


def test_lines_of_bsk_bench_are_judged(repository: Path) -> None:
    assert main(["judge", str(repository / "results" / "h200" / "bench.jsonl")]) == 0


def test_a_sweep_holds_the_alternatives_of_the_plan_and_no_oracle(
    repository: Path, criteria: Criteria
) -> None:
    sweep = load(repository / "results" / "h200" / "crossover.jsonl")
    headline = matching(sweep.records, criteria.cases["headline"])
    assert sum(record.settings is None for record in headline) == 1
    assert len(headline) > 1
    assert verdict(judge(sweep, criteria), "correct").outcome == "not measured"


def test_sampled_products_are_not_taken_for_others(repository: Path) -> None:
    with pytest.raises(RecordsError, match=r"sampled\.jsonl holds sampled products"):
        load(repository / "results" / "h200" / "sampled.jsonl")


def test_the_arithmetic_of_the_projections(criteria: Criteria) -> None:
    h100, l4, large = (" ".join(check_of_projection(criteria, p)) for p in criteria.projections)
    assert "241.9 GFLOP at 580 to 700 TFLOP/s take 0.35 to 0.42 ms" in h100
    assert "not the projected 0.14 to 0.18 ms" in h100
    assert "1344 to 1728 TFLOP/s, more than the dense peak of 989" in h100
    assert "take 4.64 ms, not the projected 1.54 ms" in l4
    assert "No fp16 kernel can execute 1000 to 1200 TFLOP/s" in large
    assert "takes at least 1.96 ms" in large


NO_GO = replace(synthetic.results(), records=tuple(synthetic.records_of(synthetic.case(), 300.0)))
ODD = [None, 0, -1, 1e308, 1e-308, 10**30, "", "x", "9.0", [], {}, True]


def fields(content: object) -> list[tuple]:
    """Where everything in a JSON value stands: keys and indices from the top."""
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for key, value in inner:
        found.append((key,))
        if isinstance(value, dict | list):
            found += [(key, *rest) for rest in fields(value)]
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=strategies.data())
def test_whatever_is_odd_is_refused_or_judged(data: strategies.DataObject, tmp_path: Path) -> None:
    write_results(NO_GO, tmp_path / "results.json")
    content = json.loads((tmp_path / "results.json").read_text())
    *outer, last = data.draw(strategies.sampled_from(fields(content)))
    place = content
    for key in outer:
        place = place[key]
    place[last] = data.draw(strategies.sampled_from(ODD))
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert main(["judge", str(tmp_path / "results.json")]) in (0, 1, 2)
