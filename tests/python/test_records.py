"""Records files: what is written is read back, and what is wrong is refused in a sentence."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import synthetic_records as synthetic

from blackwellsparsek.records import (
    RecordsError,
    append_partial,
    partial_path,
    read_results,
    start_partial,
    write_results,
)
from blackwellsparsek.source_digests import source_digests


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "h200_results.json"
    write_results(synthetic.results(), path)
    return path


def test_what_is_written_is_read_back(path: Path) -> None:
    assert read_results(path) == synthetic.results()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_partial_file_is_read_up_to_the_record_that_was_cut_off(tmp_path: Path) -> None:
    results = synthetic.results()
    path = partial_path(tmp_path / "h200_results.json")
    start_partial(replace(results, records=()), path)
    for record in results.records[:3]:
        append_partial(record, path)
    with path.open("a") as file:
        file.write('{"case": {"m": 81')
    assert read_results(path).records == results.records[:3]


def test_a_later_record_of_the_same_case_replaces_the_earlier(tmp_path: Path) -> None:
    results = synthetic.results()
    again = synthetic.record(results.records[0].case, "bsk", 0.5)
    merged = results.with_records((again,))
    assert len(merged.records) == len(results.records)
    assert merged.records[0] == again


def broken(path: Path, change) -> str:
    """The message about the file after `change` of its content."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(RecordsError) as error:
        read_results(path)
    assert str(path) in str(error.value)
    return str(error.value)


def test_a_cut_off_file_is_refused(path: Path) -> None:
    path.write_text(path.read_text()[:1000])
    with pytest.raises(RecordsError, match=r"is no JSON: .* measure again"):
        read_results(path)


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="cannot be read"):
        read_results(tmp_path / "nothing.json")


def test_an_empty_partial_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.partial.jsonl").touch()
    with pytest.raises(RecordsError, match="is empty"):
        read_results(tmp_path / "a.partial.jsonl")


@pytest.mark.parametrize("schema", ["bsk.results/2", None, 1])
def test_another_schema_is_refused(path: Path, schema: object) -> None:
    assert "this version reads 'bsk.results/1'" in broken(path, lambda c: c.update(schema=schema))


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"'])
def test_json_of_another_kind_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(RecordsError, match="has the schema None"):
        read_results(path)


@pytest.mark.parametrize("content", ["[" * 100000, "1" * 5000, "\\ud800", '{"a": }'])
def test_json_that_cannot_be_parsed_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(RecordsError, match="is no JSON"):
        read_results(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(path: Path, value: float) -> None:
    message = broken(path, lambda c: c["records"][2].update(executed_tflops=value))
    assert "expected finite numbers" in message


def test_a_number_too_large_for_a_double_is_refused(path: Path) -> None:
    text = path.read_text().replace('"back_to_back": ', '"back_to_back": 1e999, "was": ', 1)
    path.write_text(text)
    with pytest.raises(RecordsError, match=r"record 1 \(bsk, .*\): time_ms: back_to_back is inf"):
        read_results(path)


def test_a_missing_field_is_named_with_its_record(path: Path) -> None:
    message = broken(path, lambda c: c["records"][4]["case"].pop("nnzb"))
    assert "record 5 (cusparse_bsr, m = 8192, block 128): case lacks 'nnzb'" in message


def test_a_missing_environment_field_is_named(path: Path) -> None:
    assert "environment lacks 'gpu'" in broken(path, lambda c: c["environment"].pop("gpu"))


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("status", "fine", "expected one of ok, wrong, skipped, failed"),
        ("case", 3, "case is 3; expected an object"),
        ("time_ms", None, "time_ms is null; expected an object"),
        ("executed_tflops", "fast", "is 'fast'; expected a number"),
        ("executed_tflops", None, "gives executed_tflops None"),
        ("executed_tflops", 5000.0, "follows from its warm median"),
        ("error", None, "ok without an error"),
        ("error", {"max_diff": 0.02, "relative": 0.001, "bound": 0.01}, "expected status wrong"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused(
    path: Path, field: str, value: object, expected: str
) -> None:
    message = broken(path, lambda c: c["records"][0].update({field: value}))
    assert expected in message
    assert "record 1 (bsk" in message or field == "case"


def test_times_out_of_order_are_refused(path: Path) -> None:
    assert "times out of order" in broken(
        path, lambda c: c["records"][0]["time_ms"]["warm"].update(p90=0.001)
    )


def test_a_skip_without_a_reason_is_refused(path: Path) -> None:
    skipped = next(i for i, r in enumerate(synthetic.results().records) if r.status == "skipped")
    assert "without a reason" in broken(path, lambda c: c["records"][skipped].update(reason=None))


def test_the_digests_are_those_of_bsk_bench(repository: Path, bsk_binary: Path, tmp_path: Path) -> None:
    records = tmp_path / "bench.jsonl"
    arguments = ["bench", "--device", "cpu", "--size", "128", "--runs", "1", "--records", str(records)]
    subprocess.run([bsk_binary, *arguments], check=True, capture_output=True, timeout=300)
    recorded = json.loads(records.read_text().splitlines()[0])["source"]
    assert source_digests(repository).items() <= recorded.items()
