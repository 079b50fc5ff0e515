"""A target says why it has that value, and doesn't rest on a benchmark alone.

Nobody can decide whether to keep a target whose reason is forgotten. A benchmark comes from other companies, with other
customers and definitions: say under `rationale` why it is one for this company, and that the KPI can reach it.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for kpi in catalog.live:
        if kpi.target is None:
            continue
        if not kpi.target_rationale and kpi.target_source == "benchmark":
            yield kpi.kpi_id, "its target rests on a benchmark alone: say under `rationale` why it fits this company"
        elif not kpi.target_rationale:
            yield kpi.kpi_id, "its target has no `rationale`"
