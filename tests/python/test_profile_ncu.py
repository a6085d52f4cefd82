"""Nsight Compute: reading what it printed on an H200, figures in words, and machines that forbid counters.

data/spmm_sm90_h200.ncu.csv is `ncu --import ... --page raw --csv --print-units base` of the quickstart's
kernel at 8192 x 8192 x 8192, block 128, density 0.22, with the columns that are read here.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blackwellsparsek.benchmarking.ncu import Counters, NcuError, parse_csv, write_csv
from blackwellsparsek.benchmarking.ncu_findings import (
    FIGURES,
    STALLS,
    figure_table,
    stall_reasons,
    stall_text,
)
from blackwellsparsek.benchmarking.roofline import draw, roofline_of

RECORDED = Path(__file__).with_name("data") / "spmm_sm90_h200.ncu.csv"
EXECUTED_FLOP = 2 * 901 * 128**2 * 8192


@pytest.fixture
def counters() -> Counters:
    return parse_csv(RECORDED.read_text(encoding="utf-8"))


def test_the_recorded_listing_is_read_in_base_units(counters):
    assert "spmm_sm90" in counters.kernel
    assert 3e5 < counters["gpu__time_duration.sum"] < 4e5
    assert counters.units["gpu__time_duration.sum"] == "ns"
    moved = counters["dram__bytes_read.sum"] + counters["dram__bytes_write.sum"]
    assert counters["dram__bytes.sum"] == moved > 8192 * 8192 * 2
    assert counters["lts__t_bytes.sum"] == 32 * counters["lts__t_sectors.sum"]


def test_what_is_missing_is_named(counters):
    with pytest.raises(NcuError, match="no_such_counter"):
        counters["no_such_counter"]
    with pytest.raises(NcuError, match="no kernel"):
        parse_csv("==PROF== Connected\n==WARNING== No kernels were profiled.\n")


def test_every_figure_is_beside_its_expectation_with_a_reason(counters):
    table = figure_table(counters).splitlines()[1:]
    assert len(table) == len(FIGURES)
    for figure, line in zip(FIGURES, table, strict=True):
        assert f"{figure.measured(counters):.1f} %" in line
        assert figure.in_words(figure.measured(counters)) in line
    assert "20-25 %" in table[0]
    assert "assumed a kernel that waits for memory" in table[0]


def test_differences_have_words_on_both_sides():
    for figure in FIGURES:
        if figure.expected is None:
            continue
        low, high = figure.expected
        assert figure.in_words((low + high) / 2) == "As expected."
        assert len(figure.in_words(low - 1)) > 20
        if high < 100:
            assert len(figure.in_words(high + 1)) > 20
        assert "does not have" in figure.in_words(None)


def test_stall_reasons_are_ranked_and_in_words(counters):
    reasons = stall_reasons(counters)
    shares = [share for _, share in reasons]
    assert shares == sorted(shares, reverse=True)
    assert 0.5 < sum(shares) <= 1
    assert {name for name, _ in reasons} <= set(STALLS)
    assert len(stall_text(counters).splitlines()) == len(reasons) == 5


def test_the_roofline_is_of_what_was_executed(counters, tmp_path):
    roofline = roofline_of(counters)
    assert roofline.flop == EXECUTED_FLOP
    assert roofline.flop / roofline.seconds < roofline.peak_flop_per_second < 989e12
    dram, l2 = roofline.roofs
    assert dram.bytes_per_second == pytest.approx(4.8e12, rel=0.02)  # an H200's by the datasheet
    assert l2.bytes_moved > dram.bytes_moved
    assert roofline.in_words().count("bound by") == 2
    pytest.importorskip("matplotlib")
    draw(roofline, tmp_path / "roofline.svg")
    assert "</svg>" in (tmp_path / "roofline.svg").read_text(encoding="utf-8")


def test_a_kernel_without_wgmma_has_no_roofline(counters):
    without = {name: value for name, value in counters.values.items() if "hgmma" not in name}
    with pytest.raises(NcuError, match="wgmma"):
        roofline_of(Counters("other", without, counters.units))


def test_counters_are_written_one_a_line(counters, tmp_path):
    path = tmp_path / "metrics.csv"
    write_csv(counters, path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "metric,unit,value"
    assert f"dram__bytes.sum,byte,{counters['dram__bytes.sum']}" in lines
    assert len(lines) == len(counters.values) + 1


@pytest.mark.parametrize(
    ("ncu", "code", "words"),
    [
        ("echo '==ERROR== ERR_NVGPUCTRPERM - The user does not have permission'; exit 1", 3, "SKIPPED"),
        ("echo '==ERROR== Failed to launch'; exit 9", 1, "Failed to launch"),
        ("echo '==WARNING== No kernels were profiled.'", 1, "No kernels were profiled"),
    ],
)
def test_what_ncu_refuses_is_said(repository, tmp_path, ncu, code, words):
    tool = tmp_path / "ncu"
    tool.write_text(f"#!/bin/sh\n{ncu}\n")
    tool.chmod(0o755)
    result = subprocess.run(
        [sys.executable, repository / "benchmarks" / "profile_ncu.py", "--export", tmp_path / "h100_profile"],
        env={
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "PYTHONPATH": str(repository / "python"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code
    assert words in result.stdout + result.stderr
    if code == 3:
        assert "NVreg_RestrictProfilingToAdminUsers=0" in result.stdout
        assert "SYS_ADMIN" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["ncu"]
