"""A target can be compared with the KPI's values: it is within their bounds, and fits the KPI's direction.

A target outside the bounds is never or always reached. A band that contains all possible values is always reached. A
KPI with direction `none` has no better or worse values, so it can't be compared with a target. A KPI with direction
`band` can only be compared with a band.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for kpi in catalog.live:
        if kpi.target is None:
            continue
        if kpi.direction == "none":
            yield kpi.kpi_id, "has a target, but its direction is `none`: it is never compared with it"
        if kpi.direction == "band" and kpi.target_to is None:
            yield kpi.kpi_id, "has one value as its target, but its direction is `band`: state a `band` to stay in"
        low, high = kpi.lower_bound, kpi.upper_bound
        limits = " to ".join("…" if bound is None else f"{bound:g}" for bound in (low, high))
        ends = [end for end in (kpi.target, kpi.target_to) if end is not None]
        if any((low is not None and end < low) or (high is not None and end > high) for end in ends):
            stated = " to ".join(f"{end:g}" for end in ends)
            yield kpi.kpi_id, f"its target {stated} lies outside its bounds, {limits}"
        elif ends == [low, high]:
            yield kpi.kpi_id, f"its band is the whole of its bounds, {limits}: no value can miss it"
