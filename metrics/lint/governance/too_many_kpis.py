"""An objective has at most 7 KPIs in use, an owner at most 10, and the company at most 25 key ones.

KPIs compete for attention. Kaplan and Norton (The Strategy-Focused Organization, 2001) advise at most 20 to 25 measures
for a scorecard, and four to seven for a perspective. David Parmenter (Key Performance Indicators, 2015) says that a
person can answer for ten. Retire KPIs that nobody acts on, or make a key KPI a supporting one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from metrics.definitions.catalog import Catalog

OF_OBJECTIVE, OF_OWNER, KEY_OF_COMPANY = 7, 10, 25


def findings(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for objective, count in Counter(kpi.objective for kpi in catalog.live).items():
        if count > OF_OBJECTIVE:
            yield objective, f"{count} KPIs serve it; at most {OF_OBJECTIVE} are expected"
    for owner, count in Counter(kpi.owner for kpi in catalog.live).items():
        if count > OF_OWNER:
            yield owner, f"owns {count} KPIs; at most {OF_OWNER} are expected"
    count = sum(kpi.level == "key" for kpi in catalog.live)
    if count > KEY_OF_COMPANY:
        yield "company", f"{count} KPIs are key; at most {KEY_OF_COMPANY} are expected"
