"""Which records belong together: the same case, ours and its peers."""

from collections.abc import Iterable

from ..benchmarking.cases import make_specs
from ..records import OURS, Case, Record, Results
from .names import order_of


def default_records(results: Results) -> list[Record]:
    """All but those of ours for which a plan was forced."""
    return [record for record in results.records if not is_alternative(record)]


def is_alternative(record: Record) -> bool:
    """Whether this is our library with a plan other than the one it would choose."""
    return record.implementation == OURS and record.settings is not None


def alternatives(results: Results, case: Case) -> list[Record]:
    """Ours on this case with a plan other than the one it would choose."""
    return [record for record in results.records if is_alternative(record) and record.case == case]


def ours(results: Results) -> list[Record]:
    """Our own records, of every status."""
    return [record for record in default_records(results) if record.implementation == OURS]


def has(case: Case, wanted: dict) -> bool:
    """Whether a case has all these values."""
    return all(getattr(case, name) == value for name, value in wanted.items())


def matching(records: Iterable[Record], wanted: dict) -> list[Record]:
    """Records whose case has all these values."""
    return [record for record in records if has(record.case, wanted)]


def of_case(results: Results, case: Case) -> dict[str, Record]:
    """Implementation to record of one case, ours first."""
    found = [record for record in default_records(results) if record.case == case]
    return {r.implementation: r for r in sorted(found, key=lambda r: order_of(r.implementation))}


def cases(results: Results) -> list[Case]:
    """Every case once: larger first, then the library's usual layout and dtype, then falling block."""
    return sorted(
        {record.case for record in default_records(results)},
        key=lambda c: (
            -c.m * c.k,
            -c.n,
            c.pattern,
            c.layout != "nn",
            c.dtype != "float16",
            c.dtype,
            -c.block,
            c.density,
            c.seed,
        ),
    )


def never_begun(results: Results) -> list[str]:
    """Cases that the benchmark's flags ask for and that no record is of, in words."""
    flags = ("sizes", "sparsity", "block_sizes", "dtypes", "patterns", "n")
    try:
        specs = make_specs(*(results.options[flag] for flag in flags))
    except (KeyError, TypeError, ValueError):  # not the benchmark's own
        return []
    known = {record.case for record in results.records}
    return [str(spec) for spec in specs if not any(spec.is_of(case) for case in known)]


def speedup(own: Record | None, peer: Record | None) -> float | None:
    """Time of the peer over ours, of the same product measured in the same run, both right."""
    if own is None or peer is None or own.case != peer.case:
        return None
    if own.status != "ok" or peer.status != "ok" or peer.other_pattern:
        return None
    return peer.warm_ms / own.warm_ms


def why_absent(record: Record | None) -> str:
    """Why there is no speed-up over this peer, in words."""
    if record is None:
        return "not in the records"
    if record.other_pattern:
        return "another pattern: not the same product"
    return f"{record.status}: {record.reason}"
