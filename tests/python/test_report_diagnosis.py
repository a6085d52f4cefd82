"""A cause is found in the records of a run that was crippled by it, and not in a healthy one."""

from dataclasses import replace
from pathlib import Path

import pytest
import synthetic_records as synthetic

from blackwellsparsek.benchmarking.ncu import Counters
from blackwellsparsek.records import OURS, Clocks, RecordsError, Results, write_results
from blackwellsparsek.report.__main__ import main
from blackwellsparsek.report.criteria import Criteria
from blackwellsparsek.report.diagnosis import Step, diagnose
from blackwellsparsek.report.judge import judge
from blackwellsparsek.report.profile import Profile, find_profile

NO_COUNTERS = Counters("", {}, {})


def answers(steps: list[Step]) -> list[str]:
    return [step.answer for step in steps]


def changed_headline(results: Results, **changes: object) -> Results:
    headline = synthetic.case()
    return replace(
        results,
        records=tuple(
            replace(r, **changes) if r.case == headline and r.implementation == OURS else r
            for r in results.records
        ),
    )


def alternative(ms: float) -> Results:
    record = synthetic.record(synthetic.case(), OURS, ms, settings="kernel spmm_sm90, tiles of 64x256")
    return Results(synthetic.environment(), {}, (record,))


def test_a_healthy_run_has_no_likely_cause(criteria: Criteria) -> None:
    results = synthetic.results().with_records(alternative(0.5).records)
    profile = Profile("h200_ncu_metrics.csv", 600e6, 3e9, 0.37e-3, NO_COUNTERS)
    steps = diagnose(results, criteria, profile)
    assert answers(steps) == ["not the cause"] * 5
    assert any("600 MB through DRAM" in line for line in steps[1].evidence)
    assert any("3000 MB through L2" in line for line in steps[1].evidence)


def test_without_evidence_the_diagnosis_says_so(criteria: Criteria) -> None:
    nothing = replace(synthetic.results(hgmma=None, cuda_driver=None, copy_gb_per_s=None), records=())
    assert answers(diagnose(nothing, criteria)) == ["no evidence"] * 5


@pytest.mark.parametrize(
    ("results", "step"),
    [
        (synthetic.results(0.5, hgmma=0), 0),
        (synthetic.results(0.5, utmaldg=0), 0),
        (changed_headline(synthetic.results(0.5), kernel="spmm_sm80"), 0),
        (synthetic.results(0.5, copy_gb_per_s=500.0), 1),
        (synthetic.results(0.5).with_records(alternative(0.4).records), 2),
        (synthetic.results(0.5, cuda_driver="12.4"), 3),
        (synthetic.results(0.5, cuda_runtime="12.8"), 3),
        (synthetic.results(0.5, architectures="80"), 3),
        (changed_headline(synthetic.results(0.5), clocks=Clocks(600.0, 300.0, ())), 4),
        (changed_headline(synthetic.results(0.5), clocks=Clocks(1400.0, 500.0, ("hw_thermal_slowdown",))), 4),
    ],
)
def test_a_crippled_run_is_diagnosed(criteria: Criteria, results: Results, step: int) -> None:
    found = answers(diagnose(results, criteria))
    assert [index for index, answer in enumerate(found) if answer == "likely cause"] == [step]


def test_the_bytes_that_were_counted_can_show_a_bound_by_memory(criteria: Criteria) -> None:
    profile = Profile("h200_ncu_metrics.csv", 2.6e9, None, 0.74e-3, NO_COUNTERS)
    assert answers(diagnose(synthetic.results(0.5), criteria, profile))[1] == "likely cause"


def test_an_alternative_within_the_spread_is_not_called_faster(criteria: Criteria) -> None:
    same = synthetic.results().with_records(alternative(0.370).records)
    assert answers(diagnose(same, criteria))[2] == "not the cause"


def test_an_alternative_is_not_judged(criteria: Criteria) -> None:
    results = synthetic.results(0.5).with_records(alternative(0.3).records)
    assert judge(results, criteria).decision == "NO-GO"


def test_no_go_prints_the_diagnosis_in_order(tmp_path: Path, capsys) -> None:
    write_results(synthetic.results(0.5, hgmma=0), tmp_path / "results.json")
    assert main(["judge", str(tmp_path / "results.json")]) == 1
    output = capsys.readouterr().out
    questions = ["TMA and wgmma", "memory bandwidth", "tile right", "driver, CUDA runtime", "throttling"]
    positions = [output.index(question) for question in questions]
    assert positions == sorted(positions)
    assert "1. Are TMA and wgmma in the machine code? likely cause" in output


METRICS = """metric,value,unit
dram__bytes.sum,600.5,Mbyte
lts__t_bytes.sum,3,Gbyte
gpu__time_duration.sum,370000,nsecond
sm__throughput.avg.pct_of_peak_sustained_elapsed,70,%
"""


def test_counters_beside_the_records_are_read(tmp_path: Path) -> None:
    assert find_profile(tmp_path / "results.json") is None
    (tmp_path / "h200_ncu_metrics.csv").write_text(METRICS)
    profile = find_profile(tmp_path / "results.json")
    assert (profile.dram_bytes, profile.l2_bytes) == pytest.approx((600.5e6, 3e9))
    assert profile.seconds == pytest.approx(370e-6)
    throughput = profile.figures()[0]
    assert throughput[:3] == ("SM throughput", "70.0 %", "20 to 25 %")
    assert "The plan assumed a kernel that waits for memory" in throughput[3]


@pytest.mark.parametrize(
    "text", ["", "metric,value\n", METRICS.replace("600.5", "n/a"), METRICS.replace("Gbyte", "%")]
)
def test_counters_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "h200_ncu_metrics.csv").write_text(text)
    with pytest.raises(RecordsError, match=r"h200_ncu_metrics\.csv"):
        find_profile(tmp_path / "results.json")
