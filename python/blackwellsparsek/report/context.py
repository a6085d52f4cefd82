"""What the templates draw: everything that is said about one run, computed once."""

from pathlib import Path

import jinja2

from ..records import OURS, Case, Results
from . import case_tables, expectation_tables, tables
from .arithmetic import check_of_projection
from .criteria import Criteria
from .diagnosis import diagnose
from .judge import judge
from .names import IMPLEMENTATIONS, case_name, implementation_name, short_gpu_name, size_name
from .profile import find_profile
from .selection import cases, has, matching, never_begun, of_case, ours, speedup
from .staleness import published, sentence

SECTIONS = {
    "verdict": "Verdict",
    "pictures": "Pictures",
    "peers": "Every implementation on the headline product",
    "projections": "Projections and what the arithmetic says",
    "reproduction": "The same peers measured before",
    "profile": "What the hardware counted",
    "cases": "All cases",
    "missing": "What was not measured",
    "environment": "Environment",
}


def report_context(results: Results, criteria: Criteria, repository: Path) -> dict[str, object]:
    """All but the pictures."""
    judgement = judge(results, criteria)
    headline = next(iter(matching(ours(results), criteria.cases["headline"])), None)
    same_product = {k: v for k, v in criteria.cases["headline"].items() if k not in ("block", "layout")}
    any_dtype = {k: v for k, v in same_product.items() if k != "dtype"}
    found = cases(results)
    by_size: dict[str, list[Case]] = {}
    for case in found:
        by_size.setdefault(size_name(case), []).append(case)
    minimum = judgement.levels[0][1]
    profile = find_profile(Path(results.source)) if results.source else None
    return {
        "gpu": short_gpu_name(results.environment.gpu),
        "results": results,
        "environment": results.environment,
        "criteria": criteria,
        "judgement": judgement,
        "open": [f"{v.title}: {v.found} ({v.outcome})" for v in minimum if v.counts and v.outcome != "met"],
        "headline": headline,
        "headline_name": case_name(headline.case) if headline else "",
        "headline_ratios": _ratios(results, headline.case) if headline else [],
        "headline_cases": [case for case in found if has(case, same_product)],
        "published_cases": [case for case in found if has(case, any_dtype)],
        "launches": headline.time_ms.warm.count if headline and headline.time_ms.warm else 0,
        "slower": _slower(results, found),
        "own_tables": {
            size: tables.cases_table(results, group).without("m×n×k", "dtype", "layout")
            for size, group in by_size.items()
        },
        "projection_checks": [(p, check_of_projection(criteria, p)) for p in criteria.projections],
        "open_size": size_name(headline.case) if headline else next(iter(by_size), ""),
        "profile": profile,
        "steps": diagnose(results, criteria, profile) if judgement.decision == "NO-GO" else [],
        "stale": sentence(vars(results.environment), repository),
        "never_begun": never_begun(results),
        "published": published(repository),
        "tables": tables,
        "case_tables": case_tables,
        "expectation_tables": expectation_tables,
        "sections": SECTIONS,
    }


def render(template: str, context: dict[str, object]) -> str:
    """Render one template of this package; a name that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("blackwellsparsek.report"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(context)


def _ratios(results: Results, case: Case) -> list[tuple[str, float]]:
    """Name of each peer and the speed-up over it, the least flattering first."""
    run = of_case(results, case)
    ratios = [(implementation_name(name), speedup(run[OURS], peer)) for name, peer in run.items()]
    return sorted((entry for entry in ratios[1:] if entry[1] is not None), key=lambda entry: entry[1])


def _slower(results: Results, found: list[Case]) -> str:
    """In how many cases a peer is faster, and where most; empty where none is."""
    dense = _cases_lost(results, found, {"cublas_dense"})
    every = _cases_lost(results, found, set(IMPLEMENTATIONS) - {OURS})
    facts = [f"cuBLAS on A expanded is faster in {dense}"] if dense else []
    facts += [f"some peer, cuBLAS or another, is faster in {every}"] if every != dense else []
    return "; ".join(facts)


def _cases_lost(results: Results, found: list[Case], peers: set[str]) -> str:
    """In how many cases one of these peers is faster, and the worst of them; empty where there is none."""
    least = []
    for case in found:
        run = of_case(results, case)
        ratios = [speedup(run.get(OURS), run.get(peer)) for peer in peers]
        if known := [ratio for ratio in ratios if ratio is not None]:
            least.append((min(known), case))
    slower = [entry for entry in least if entry[0] < 1]
    if not slower:
        return ""
    ratio, worst = min(slower, key=lambda entry: entry[0])
    return f"{len(slower)} of {len(least)} cases; the worst is {case_name(worst)}, {ratio:.2f}×"
