"""A sum, a count or a stock isn't stated as a fraction or a ratio.

A fraction or ratio divides one thing by another; the sum of a period doesn't. Either the unit or the kind is wrong, and
changes and totals are worked out by the wrong rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for kpi in catalog.live:
        if kpi.kind in ("flow", "stock", "distinct") and kpi.unit in ("fraction", "ratio"):
            yield kpi.kpi_id, f"is a {kpi.kind}, but its unit is `{kpi.unit}`"
