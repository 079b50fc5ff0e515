"""An objective, or one that is a part of it, has at least one KPI in use.

Nobody can say whether an objective is reached when nothing is measured for it: give it a KPI, or take it out of
`objectives.yml`.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.definitions.catalog import Catalog
from metrics.definitions.objectives import path_to


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    served = {key for kpi in catalog.live for key in path_to(catalog.objectives, kpi.objective)}
    for objective in catalog.objectives:
        if objective not in served:
            yield objective, "no KPI in use serves it"
