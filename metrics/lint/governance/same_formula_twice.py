"""No two KPIs in use have the same formula, unless they are published at different frequencies.

Two names for one figure make two truths: retire one with `kpi retire … --replaced-by …`, whose history stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from metrics.definitions.catalog import Catalog, CatalogKpi


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    by_formula: dict[tuple[str, str | None], list[CatalogKpi]] = defaultdict(list)
    for kpi in catalog.live:
        by_formula[kpi.formula, kpi.matures_after].append(kpi)
    for kpis in by_formula.values():
        for place, kpi in enumerate(kpis):
            for earlier in kpis[:place]:
                if set(kpi.freqs) & set(earlier.freqs):
                    yield kpi.kpi_id, f"has the same formula as {earlier.kpi_id}: {kpi.formula}"
