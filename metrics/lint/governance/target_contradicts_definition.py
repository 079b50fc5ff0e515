"""A target is one that the KPI can reach: within the bounds of its values, and of a KPI whose values can be better.

A target outside the bounds is never or always reached. A KPI with direction `none` or `band` has no better values, so
that it isn't compared with a target.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for kpi in catalog.live:
        if kpi.target is None:
            continue
        if kpi.direction in ("none", "band"):
            yield kpi.kpi_id, f"has a target, but its direction is `{kpi.direction}`: it is never compared with it"
        low, high = kpi.lower_bound, kpi.upper_bound
        if (low is not None and kpi.target < low) or (high is not None and kpi.target > high):
            limits = " to ".join("…" if bound is None else f"{bound:g}" for bound in (low, high))
            yield kpi.kpi_id, f"its target {kpi.target:g} lies outside its bounds, {limits}"
