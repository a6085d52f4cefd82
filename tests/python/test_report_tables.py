"""The report's tables: what each cell says of the records."""

from dataclasses import replace

import synthetic_records as synthetic

from blackwellsparsek.records import OURS, Results, Times
from blackwellsparsek.report.case_tables import (
    alternatives_table,
    appendices,
    choices_sentence,
    clocks_sentence,
    implementations_table,
    settings_table,
)
from blackwellsparsek.report.criteria import Criteria
from blackwellsparsek.report.expectation_tables import reproduction_table
from blackwellsparsek.report.selection import never_begun
from blackwellsparsek.report.tables import Table, cases_table

HEADLINE = synthetic.case()


def run(*records) -> Results:
    return Results(synthetic.environment(), {}, records)


def test_columns_that_say_the_same_throughout_are_left_out_only_where_named():
    table = Table(("m", "block", "ms"), (("8192", "64", "1"), ("8192", "32", "1")))
    assert table.without("m", "block") == Table(("block", "ms"), (("64", "1"), ("32", "1")))


def timed(ms: float, host: float) -> Times:
    return Times(warm=synthetic.spread(ms), host=host)


def test_figures_measured_before_are_reproduced_or_explained(criteria: Criteria):
    bsr = [
        synthetic.record(synthetic.case(block=b), "cusparse_bsr", ms) for b, ms in ((128, 18.0), (64, 21.0))
    ]
    hosts = {"torch_triton_bsr": 0.5, "cutlass_2to4": 0.5}
    counted, not_counted = (
        synthetic.record(synthetic.case(block=64), name, 0.93, time_ms=timed(0.93, host))
        for name, host in hosts.items()
    )
    unexplained = synthetic.record(synthetic.case(block=64), "cusparse_blocked_ell_even", 2.3)
    results = run(*bsr, counted, not_counted, unexplained)
    rows = {row[:2]: row[2:] for row in reproduction_table(results, criteria).rows}
    assert rows["cuSPARSE BSR", "128"] == ("17.4", "18.000", "-", "1.03", "yes")
    assert rows["cuSPARSE BSR", "64"][:4] == ("17.4", "21.000", "-", "1.21")
    assert rows["cuSPARSE BSR", "64"][4].startswith("Its launches vary")
    assert rows["cuSPARSE BSR", "32"] == ("17.4", "-", "-", "-", "not measured")
    even = rows["cuSPARSE Blocked-ELL, rows equally long", "64"]
    assert even == ("1.15", "2.300", "-", "2.00", "not explained")
    assert rows["PyTorch Triton BSR", "64"] == ("1.47", "0.930", "0.500", "0.97", "yes")
    assert rows["CUTLASS 2:4", "-"][:4] == ("1.63", "0.930", "0.500", "0.57")
    assert rows["CUTLASS 2:4", "-"][4].startswith("The example has tiles of 128x128x128")


def test_a_figure_of_one_launch_says_so():
    slow = synthetic.record(HEADLINE, "torch_sparse_csr", 50.0)
    slow = replace(slow, time_ms=Times(None, replace(slow.time_ms.warm, count=1)))
    row = implementations_table(run(synthetic.record(HEADLINE, OURS, 0.05), slow), HEADLINE).rows[1]
    assert row[1:5] == ("50.000 (one launch)", "1", "-", "-")
    assert row[7] == "1000.00†"
    alternative = synthetic.record(HEADLINE, OURS, 0.04, settings="spmm_sm80")
    results = run(synthetic.record(HEADLINE, OURS, 0.05), alternative, slow)
    assert cases_table(results, [HEADLINE]).rows[0][-1] == "1000.00†"


def test_a_share_of_one_launch_of_cublas_is_marked():
    dense = synthetic.record(HEADLINE, "cublas_dense_random", 1.5)
    once = replace(dense, time_ms=replace(dense.time_ms, warm=replace(dense.time_ms.warm, count=1)))
    own = synthetic.record(HEADLINE, OURS, 0.36)
    shares = [cases_table(run(own, peer), [HEADLINE]).rows[0][9] for peer in (dense, once)]
    assert shares[1] == f"{shares[0]}†"


def test_cases_that_were_asked_for_and_never_begun_are_named():
    flags = {"sizes": [8192], "sparsity": [0.78], "block_sizes": [128, 64], "dtypes": ["float16"]}
    results = Results(
        synthetic.environment(),
        {**flags, "patterns": ["uniform"], "n": []},
        (synthetic.record(HEADLINE, OURS, 0.36),),
    )
    assert never_begun(results) == ["8192 x 8192 x 8192, block 64, sparsity 0.78, float16, uniform"]
    assert never_begun(replace(results, options={})) == []
    assert never_begun(replace(results, options={**results.options, "sizes": "all"})) == []


def test_alternatives_stand_beside_the_plans_choice_and_not_among_the_implementations():
    own = synthetic.record(HEADLINE, OURS, 0.36)
    faster = synthetic.record(HEADLINE, OURS, 0.3, settings="spmm_sm80")
    wrong = synthetic.not_measured(HEADLINE, OURS, "off", "wrong", settings="spmm_sm90_small")
    results = run(own, faster, wrong)
    assert [row[0] for row in implementations_table(results, HEADLINE).rows] == ["BlackwellSparseK"]
    assert [(row[0], row[2]) for row in alternatives_table(results, HEADLINE).rows] == [
        ("spmm_sm80", "0.83"),
        ("the plan's choice, spmm_sm90", "1.00"),
    ]
    assert not alternatives_table(run(own), HEADLINE).rows


def test_it_is_said_how_often_the_plan_took_the_fastest():
    own = synthetic.record(HEADLINE, OURS, 0.36)
    slower = synthetic.record(HEADLINE, OURS, 0.5, settings="spmm_sm80")
    assert choices_sentence(run(own)) == ""
    assert choices_sentence(run(own, slower)).endswith("in 1 of 1 cases.")
    small = synthetic.case(block=64)
    faster = [
        synthetic.record(small, OURS, 0.5),
        synthetic.record(small, OURS, 0.4, settings="spmm_sm80"),
        synthetic.not_measured(small, OURS, "off", "wrong", settings="spmm_sm90_small"),
    ]
    text = choices_sentence(run(own, slower, *faster))
    assert "in 1 of 2 cases; at worst spmm_sm80 was 1.25 times as fast, 8192³, block 64" in text


def test_settings_and_clocks_are_of_the_case():
    own = synthetic.record(HEADLINE, OURS, 0.36, setup_seconds=0.1234, time_ms=timed(0.36, host=0.005))
    (row,) = settings_table(run(own), HEADLINE).rows
    assert row == ("BlackwellSparseK", "2.0e-04", "0.12", "0.0050", "spmm_sm90")
    assert clocks_sentence(run(own), HEADLINE) == "Under load: 1600 MHz, 680 W, held down by sw_power_cap."
    quiet = replace(own, clocks=None, error=None)
    assert clocks_sentence(run(quiet), HEADLINE) == ""
    assert appendices(run(quiet), HEADLINE) == []


def test_small_times_keep_their_digits_and_cold_ones_are_shown():
    row = cases_table(run(synthetic.record(HEADLINE, OURS, 0.0333)), [HEADLINE]).rows[0]
    assert row[5:7] == ("0.0333", "0.0340")
