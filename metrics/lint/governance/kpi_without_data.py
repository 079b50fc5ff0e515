"""The company's feeds supply every input entity that a KPI in use needs.

Without them the KPI never has a value. Add the feed and its staging model, or take the KPI's file out.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for kpi in catalog.live:
        if not kpi.supplied:
            yield kpi.kpi_id, f"the company supplies no {', '.join(kpi.missing_entities)}"
