"""What `report write` writes, and its page in a real headless browser."""

import html
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import synthetic_records as synthetic

pytest.importorskip("matplotlib", reason="the report's pictures need matplotlib")

from matplotlib.image import imread

from blackwellsparsek.records import OURS, Results, write_results
from blackwellsparsek.report.__main__ import main
from blackwellsparsek.report.names import short_gpu_name

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
LIMIT = 120  # seconds


@pytest.fixture(scope="module")
def browser() -> str:
    """A headless browser; build.sh test installs one on Debian."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    return found


def written(results: Results, tmp_path: Path, code: int = 0) -> Path:
    """The folder of the report, which must end with `code`."""
    write_results(results, tmp_path / "records.json")
    assert main(["write", str(tmp_path / "records.json"), "--out", str(tmp_path / "out")]) == code
    return tmp_path / "out"


def look(browser: str, page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page; the network is out of reach, as on an offline machine."""
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += ["--enable-logging=stderr", "--proxy-server=127.0.0.1:9"]
    command.append(f"--user-data-dir={page.parent / 'user'}")
    done = subprocess.run(
        [*command, *options, page.as_uri()], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    return done


def test_files_are_named_after_the_gpu_and_claim_no_other(tmp_path: Path) -> None:
    out = written(synthetic.results(sizes=(4096, 8192)), tmp_path)
    assert {file.name for file in out.iterdir()} == {
        "H200_RESULTS.md",
        "H200_RESULTS.html",
        "h200_release_notes.md",
        "h200_announcement.md",
        "h200_rate_by_density.svg",
        "h200_speedup_over_dense.svg",
        "h200_roofline.svg",
        "h200_scaling.svg",
    }
    text = (out / "H200_RESULTS.md").read_text()
    assert text.startswith("# H200: results")
    assert "written for an H100" in text
    assert "nothing here was measured on one" in text
    for file in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (out / file).read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("gpu", "name"),
    [
        ("NVIDIA H200", "H200"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA A100-SXM4-80GB", "A100"),
        ("NVIDIA GeForce RTX 4090", "RTX_4090"),
        ("CPU", "CPU"),
        ("", "UNKNOWN"),
    ],
)
def test_short_names(gpu: str, name: str) -> None:
    assert short_gpu_name(gpu) == name


def test_the_same_records_give_the_same_files(tmp_path: Path) -> None:
    first, second = (written(synthetic.results(), tmp_path / name) for name in "ab")
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    ("results", "code"),
    [
        (synthetic.results(0.5), 1),
        (synthetic.results(sizes=(4096,)), 2),
        (replace(synthetic.results(), records=()), 2),
        (synthetic.results(gpu="NVIDIA L4", compute_capability="8.9", architectures="89"), 2),
    ],
)
def test_drafts_claim_nothing_below_the_minimum(tmp_path: Path, results: Results, code: int) -> None:
    out = written(results, tmp_path, code)
    (notes,), (announcement,) = out.glob("*_release_notes.md"), out.glob("*_announcement.md")
    assert "No performance is claimed" in notes.read_text()
    assert "There is nothing to announce" in announcement.read_text()


def test_the_announcement_begins_with_the_least_flattering(tmp_path: Path) -> None:
    out = written(synthetic.results(), tmp_path)
    text = (out / "h200_announcement.md").read_text()
    ratios = [float(ratio) for ratio in re.findall(r"^- .*: ([\d.]+)×$", text, re.M)]
    assert ratios == sorted(ratios) and len(ratios) == 7
    assert (
        "cuBLAS on A expanded is faster in 2 of 16 cases; the worst is 8192³, block 16, density 0.50" in text
    )


def test_the_announcement_counts_the_cases_that_any_peer_wins(tmp_path: Path) -> None:
    results = synthetic.results()
    worst = next(r for r in results.records if r.implementation == OURS and r.case.density > 0.2)
    faster = synthetic.record(worst.case, "torch_triton_bsr", 0.25 * worst.warm_ms)
    text = (written(results.with_records((faster,)), tmp_path) / "h200_announcement.md").read_text()
    assert "some peer, cuBLAS or another, is faster in 3 of 16 cases; the worst is" in text
    assert "0.25×" in text


def test_the_page_is_whole_in_a_browser(tmp_path: Path, browser: str) -> None:
    page = written(synthetic.results(sizes=(4096, 8192)), tmp_path) / "H200_RESULTS.html"
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", page.read_text()), "the page needs other files"
    dom = look(browser, page, "--dump-dom").stdout
    assert "<title>H200 results: GO</title>" in dom
    assert dom.count("<figure") == len(re.findall(r"</svg>\s*</figure>", dom)) == 4
    for anchor in re.findall(r'href="#(.*?)"', dom):
        assert f'id="{anchor}"' in dom
    assert '<th scope="col"><button>' in dom  # the script ran


@pytest.mark.parametrize(("scheme", "bright"), [("dark", False), ("light", True)])
def test_the_page_follows_the_scheme(tmp_path: Path, browser: str, scheme: str, bright: bool) -> None:
    page = written(synthetic.results(), tmp_path) / "H200_RESULTS.html"
    picture = tmp_path / "page.png"
    preferred = f"--blink-settings=preferredColorScheme={int(bright)}"
    look(browser, page, preferred, "--window-size=1280,2400", f"--screenshot={picture}")
    pixels = imread(picture)[..., :3].mean(axis=2)
    background = pixels[2, 2]
    assert (background > 0.8) == bright
    assert (abs(pixels - background) > 0.4).mean() > 0.01, "nothing can be read on the page"


def test_a_narrow_window_scrolls_tables_and_not_the_page(tmp_path: Path, browser: str) -> None:
    page = written(synthetic.results(), tmp_path) / "H200_RESULTS.html"
    script = "<script>document.title = document.documentElement.scrollWidth - innerWidth</script>"
    page.write_text(page.read_text() + script)
    dom = look(browser, page, "--window-size=500,900", "--dump-dom").stdout
    assert int(re.search(r"<title>(-?\d+)</title>", dom)[1]) <= 0


def test_a_click_sorts_by_number(tmp_path: Path, browser: str) -> None:
    page = written(synthetic.results(), tmp_path) / "H200_RESULTS.html"
    script = "<script>document.querySelectorAll('table.sortable th button')[1].click()</script>"
    page.write_text(page.read_text() + script)
    dom = look(browser, page, "--dump-dom").stdout
    table = re.search(r'<table class="sortable">.*?</table>', dom, re.S)[0]
    times = [float(ms) for ms in re.findall(r"<td[^>]*>([\d.]+) \([\d.]+ to [\d.]+\)</td>", table)]
    assert times == sorted(times) and len(times) > 5
    assert 'aria-sort="ascending"' in table


def test_counters_beside_the_records_are_shown(tmp_path: Path, browser: str) -> None:
    page = written(synthetic.results(), tmp_path) / "H200_RESULTS.html"
    assert "Profiling: SKIPPED." in look(browser, page, "--dump-dom").stdout
    metrics = "metric,unit,value\nlts__t_sector_hit_rate.pct,%,80.5\ndram__bytes.sum,byte,6e8\n"
    (tmp_path / "h200_ncu_metrics.csv").write_text(metrics)
    page = written(synthetic.results(), tmp_path) / "H200_RESULTS.html"
    dom = look(browser, page, "--dump-dom").stdout
    assert "<td>L2 hit rate</td><td>80.5 %</td><td>90 to 95 %</td>" in dom


def test_records_cannot_put_markup_into_the_page(tmp_path: Path, browser: str) -> None:
    hostile = "</td><script>document.title = 'taken'</script>"
    record = synthetic.not_measured(synthetic.case(), "stk_triton", hostile)
    page = written(synthetic.results().with_records((record,)), tmp_path) / "H200_RESULTS.html"
    dom = look(browser, page, "--dump-dom").stdout
    assert "<title>H200 results: GO</title>" in dom
    assert html.escape(hostile, quote=False) in dom
