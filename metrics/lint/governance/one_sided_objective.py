"""The KPIs of an objective are not all leading, and not all lagging.

Lagging KPIs say whether the objective was reached, when it is too late to act; leading ones say where it is heading,
but not whether it got there. An objective needs one of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from metrics.definitions.catalog import Catalog


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    types_by_objective: dict[str, set[str]] = defaultdict(set)
    for kpi in catalog.live:
        types_by_objective[kpi.objective] |= {kpi.type} if kpi.type else set()
    for objective, types in types_by_objective.items():
        if len(types) == 1:
            (only,) = types
            other = "lagging" if only == "leading" else "leading"
            yield objective, f"all of its KPIs are {only}; a {other} one is missing"
