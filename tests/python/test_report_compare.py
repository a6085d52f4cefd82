"""Two runs side by side, and figures of other kernels or plans."""

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import synthetic_records as synthetic

from blackwellsparsek.records import OURS, Results, Times, write_results
from blackwellsparsek.report import readme
from blackwellsparsek.report.__main__ import main
from blackwellsparsek.report.comparison import Finding, compare
from blackwellsparsek.report.criteria import Criteria
from blackwellsparsek.report.staleness import published
from blackwellsparsek.source_digests import source_digests


def run_of(ms: float, width: float = 0.01, **environment: object) -> Results:
    """One record of ours."""
    record = synthetic.record(synthetic.case(), OURS, ms, width)
    return Results(synthetic.environment(**environment), {}, (record,))


@pytest.mark.parametrize(
    ("before", "after", "width", "finding"),
    [
        (1.0, 0.9, 0.01, "FASTER"),
        (1.0, 1.1, 0.01, "SLOWER"),
        (1.0, 1.01, 0.01, "SAME"),
        (1.0, 1.0, 0.01, "SAME"),
        (1.0, 0.985, 0.001, "SAME"),  # the ranges do not meet, but nobody acts on 1.5 %
        (1.0, 1.1, 0.2, "AMBIGUOUS"),  # the ranges meet
        (1.0, 1.0, 0.2, "AMBIGUOUS"),  # equal medians of a wide spread prove nothing
    ],
)
def test_findings_follow_from_the_spread(before: float, after: float, width: float, finding: Finding) -> None:
    comparison = compare(run_of(before, width), run_of(after, width))
    (pair,) = comparison.pairs
    assert pair.finding == finding
    assert pair.ratio == pytest.approx(before / after)


def test_two_launches_have_no_spread_to_compare_by() -> None:
    few = run_of(0.9, 0.01)
    warm = replace(few.records[0].time_ms.warm, count=2)
    few = replace(few, records=(replace(few.records[0], time_ms=Times(None, warm)),))
    (pair,) = compare(run_of(1.0, 0.01), few).pairs
    assert pair.finding == "AMBIGUOUS"


def test_only_what_both_measured_right_is_compared() -> None:
    before, after = synthetic.results(), synthetic.results()
    wrong = synthetic.not_measured(after.records[0].case, OURS, "An element is off by 3.", "wrong")
    after = replace(after.with_records((wrong,)), records=after.with_records((wrong,)).records[:-20])
    comparison = compare(before, after)
    assert after.records[0].status == "wrong"
    assert all(
        pair.case != wrong.case for pair in comparison.pairs if pair.implementation == wrong.implementation
    )
    assert len(comparison.pairs) + len(comparison.only_before) == sum(
        r.status == "ok" for r in before.records
    )


@pytest.mark.parametrize(("ms", "code"), [(0.9, 0), (1.0, 0), (1.2, 1)])
def test_the_command_fails_where_this_library_got_slower(
    tmp_path: Path, capsys, ms: float, code: int
) -> None:
    write_results(run_of(1.0, commit="1" * 40), tmp_path / "a.json")
    write_results(run_of(ms, commit="2" * 40, gpu="NVIDIA H100 80GB HBM3"), tmp_path / "b.json")
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == code
    output = capsys.readouterr().out
    assert "| GPU | NVIDIA H200 | NVIDIA H100 80GB HBM3 |" in output
    assert "| commit | 111111111111 | 222222222222 |" in output


def test_nothing_in_common_is_said(tmp_path: Path, capsys) -> None:
    write_results(synthetic.results(sizes=(4096,)), tmp_path / "a.json")
    write_results(synthetic.results(sizes=(8192,)), tmp_path / "b.json")
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert "no case in common" in capsys.readouterr().out


# Staleness. A small tree stands for the repository, so that its kernels and its plan can be changed.


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    for folder, file in (("kernels", "a.cu"), ("plan", "a.cpp")):
        (tmp_path / "src" / folder).mkdir(parents=True)
        (tmp_path / "src" / folder / file).write_text("// a source\n")
    shutil.copy(repository / "README.md", tmp_path)
    return tmp_path


def publish(tree: Path, results: Results) -> None:
    path = tree / "results" / "h200" / "h200_results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_results(results, path)


def test_figures_turn_stale_when_the_plan_or_a_kernel_changes(tree: Path, criteria: Criteria) -> None:
    publish(tree, synthetic.results(**source_digests(tree)))
    assert [entry.stale for entry in published(tree)] == [False]
    assert "belong to the present kernel sources" in readme.rendered(tree, criteria)

    (tree / "src" / "plan" / "a.cpp").write_text("// a better choice\n")
    (entry,) = published(tree)
    assert entry.stale and entry.states == {"kernels": "present", "plan": "other"}
    text = readme.rendered(tree, criteria)
    assert "belong to the present kernel sources" in text and "**The plan's sources have changed" in text

    (tree / "src" / "kernels" / "a.cu").write_text("// a better kernel\n")
    (entry,) = published(tree)
    assert entry.stale and entry.states == {"kernels": "other", "plan": "other"}
    assert "**The kernel sources have changed since**" in readme.rendered(tree, criteria)


@pytest.mark.parametrize(("folder", "file"), [("kernels", "a.cu"), ("plan", "a.cpp")])
def test_a_renamed_source_is_another_one(tree: Path, folder: str, file: str) -> None:
    before = source_digests(tree)
    (tree / "src" / folder / file).rename(tree / "src" / folder / "b")
    after = source_digests(tree)
    assert {name for name in before if before[name] != after[name]} == {f"{folder}_sha256"}


@pytest.mark.parametrize(
    ("missing", "states", "words"),
    [
        (
            ("kernels_sha256", "plan_sha256"),
            {"kernels": "not named", "plan": "not named"},
            "do not name the kernel sources",
        ),
        (
            ("plan_sha256",),
            {"kernels": "present", "plan": "not named"},
            "do not name the plan's sources",
        ),
    ],
)
def test_records_without_a_digest_are_named(
    tree: Path, criteria: Criteria, missing: tuple[str, ...], states: dict[str, str], words: str
) -> None:
    digests = {**source_digests(tree), **dict.fromkeys(missing)}
    publish(tree, synthetic.results(**digests))
    (entry,) = published(tree)
    assert entry.stale and entry.states == states
    assert words in readme.rendered(tree, criteria)


def test_lines_from_before_there_was_a_digest_of_the_plan_are_read(tree: Path) -> None:
    digests = source_digests(tree)
    old = {"source": {"kernels_sha256": digests["kernels_sha256"]}}
    path = tree / "results" / "lines.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(old) + "\n")
    assert published(tree)[0].states == {"kernels": "present", "plan": "not named"}
    path.write_text(json.dumps(old) + "\n" + json.dumps({"source": digests}) + "\n")
    (entry,) = published(tree)
    assert entry.stale and entry.states == {"kernels": "present", "plan": "in part other"}


def test_the_readme_claims_no_speed_below_the_minimum(tree: Path, criteria: Criteria) -> None:
    publish(tree, synthetic.results(0.5))
    text = readme.rendered(tree, criteria)
    section = text[text.index(readme.BEGIN) : text.index(readme.END)]
    assert "the minimum was not met, so no speed is claimed" in section
    assert "executed TFLOP/s at 8192³, 78 %: 325" in section
    assert "| ---" not in section

    publish(tree, synthetic.results(1.0))
    text = readme.rendered(tree, criteria)
    section = text[text.index(readme.BEGIN) : text.index(readme.END)]
    assert "Minimum: met" in section
    assert "| 8192×8192×8192 | 128 | 0.22 | fp16 |" in section
    assert "4.50" in section


def test_the_readme_shows_every_gpu_and_results_files_before_lines(
    tree: Path, repository: Path, criteria: Criteria
) -> None:
    publish(tree, synthetic.results())
    shutil.copy(repository / "results" / "h200" / "bench.jsonl", tree / "results" / "h200")
    (tree / "results" / "l4").mkdir()
    l4 = synthetic.results(gpu="NVIDIA L4", compute_capability="8.9", architectures="89")
    write_results(l4, tree / "results" / "l4" / "l4_results.json")
    text = readme.rendered(tree, criteria)
    assert text.count("**NVIDIA H200**") == text.count("**NVIDIA L4**") == 1
    assert text.count("commit synthetic") == 2


def test_the_readme_says_which_of_its_figures_are_stale(repository: Path) -> None:
    shown = {source.relative_to(repository) for source in readme.published_results(repository)}
    stale = [entry for entry in published(repository) if entry.stale]
    text = (repository / "README.md").read_text()
    says_so = "sources have changed since" in text or "do not name the plan's sources" in text
    assert says_so == any(entry.path in shown for entry in stale), (
        "README.md is silent about its figures' sources: run `python -m blackwellsparsek.report readme`"
    )
    for entry in stale:
        warnings.warn(f"{entry.path}: {entry.states}", stacklevel=1)


def test_every_published_file_is_examined(repository: Path) -> None:
    examined = {str(entry.path) for entry in published(repository)}
    files = {p.relative_to(repository) for p in (repository / "results").rglob("*.json*")}
    assert examined == {str(path) for path in files}
    bench = next(entry for entry in published(repository) if entry.path.name == "bench.jsonl")
    first = json.loads((repository / bench.path).read_text().splitlines()[0])
    assert first["source"]["kernels_sha256"] in bench.digests["kernels_sha256"]
