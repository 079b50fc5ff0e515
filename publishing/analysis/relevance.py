"""The question whether a leading KPI still leads: did it move before the outcomes of its objective?"""

from __future__ import annotations

from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.objectives import path_to
from publishing import reader
from publishing.analysis import history
from publishing.analysis.cross_correlation import FALSE_ALARMS
from publishing.analysis.leads import PERIODS, FreqSearch, search
from publishing.answers import Answer
from publishing.language import language

LARGE = 0.5
"""A history that can't tell a correlation of this size from chance is too short to say that a KPI leads nothing
(J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, calls it large).
"""


def leads_to(kpi_id: str) -> Answer | None:
    """Which outcomes a leading KPI moved before, in a sentence; None for a KPI that isn't leading, or is retired.

    Outcomes are the lagging KPIs in use of its objective and of those above. `verdict` is leads, leads nothing, too
    short or no outcome. Raises NyckeltalError as `reader.opened` does.
    """
    catalog = reader.newest_catalog()
    kpi = catalog.kpi(kpi_id)
    if kpi.type != "leading" or kpi.is_retired:
        return None
    outcomes = _outcomes(catalog, kpi)
    if not outcomes:
        text = f"No lagging KPI serves {kpi.objective} or what it is a part of: there is nothing that it should lead."
        return {"verdict": "no outcome", "outcomes": [], "found": [], "text": text}
    with reader.opened() as connection:
        histories = history.read(connection)
    share = FALSE_ALARMS / len(outcomes)
    searches = {outcome.kpi_id: search(histories, outcome.kpi_id, [kpi_id], share) for outcome in outcomes}
    found = [
        {"kpi_id": outcome.kpi_id, "name": outcome.name, "freq": tried.freq, "periods": lead.lag}
        for outcome in outcomes
        for tried in searches[outcome.kpi_id]
        for lead in tried.search.leads[:1]
    ]
    verdict, text = _verdict(outcomes, searches, found)
    return {"verdict": verdict, "outcomes": [outcome.kpi_id for outcome in outcomes], "found": found, "text": text}


def _outcomes(catalog: Catalog, kpi: CatalogKpi) -> list[CatalogKpi]:
    served = path_to(catalog.objectives, kpi.objective)
    return [other for other in catalog.live if other.type == "lagging" and other.objective in served]


def _verdict(outcomes: list[CatalogKpi], searches: dict[str, list[FreqSearch]], found: list[Answer]) -> tuple[str, str]:
    if found:
        told = [f"{one['name']} by {language('en').count(one['periods'], *PERIODS[one['freq']])}" for one in found]
        return "leads", f"In published history it moved before {', '.join(told)}. What moves before needn't cause it."
    names = ", ".join(outcome.name for outcome in outcomes)
    smallest = {
        outcome.name: min(
            (
                tried.search.smallest_seen
                for tried in searches[outcome.kpi_id]
                if tried.search.smallest_seen is not None
            ),
            default=1.0,
        )
        for outcome in outcomes
    }
    if max(smallest.values()) > LARGE:
        short = ", ".join(name for name, size in smallest.items() if size > LARGE)
        return "too short", f"Published history is too short to say whether it moves before {short}."
    return "leads nothing", (
        f"In published history it moved before none of its objective's outcomes ({names}), though a correlation of"
        f" {max(smallest.values()):.2f} would have been seen: does it still lead?"
    )
