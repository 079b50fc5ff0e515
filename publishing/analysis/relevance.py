"""The question whether a leading KPI still leads: did it move before the outcomes of its objective?"""

from __future__ import annotations

from collections.abc import Iterable

from metrics.definitions.catalog import CatalogKpi
from metrics.definitions.objectives import path_to
from publishing import reader
from publishing.analysis.leads import PERIODS, Leads, read
from publishing.answers import Answer
from publishing.language import language

LARGE = 0.5
"""A history that can't tell a correlation of this size from chance is too short to say that a KPI leads nothing
(J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 1988, calls it large).
"""


def leads_to(kpi_id: str, lang: str = "en") -> Answer | None:
    """Which outcomes a leading KPI moved before, in a sentence; None for a KPI that isn't leading, or is retired.

    Raises NyckeltalError as `reader.opened` does, and for an unknown KPI or language.
    """
    catalog = reader.newest_catalog().in_language(language(lang).code)
    with reader.opened() as connection:
        return relevance(catalog.kpi(kpi_id), read(connection, catalog, language(lang)))


def relevance(kpi: CatalogKpi, leads: Leads) -> Answer | None:
    """As `leads_to`. Outcomes are the lagging KPIs in use of its objective and of those above it.

    `verdict` is leads, may lead, leads nothing, too short or no outcome. `found` are the leads that hold where all KPIs
    are searched.
    """
    if kpi.type != "leading" or kpi.is_retired:
        return None
    t = leads.language.t
    outcomes = _outcomes(kpi, leads)
    ids = {outcome.kpi_id for outcome in outcomes}
    after = leads.after(kpi)
    found = [lead for lead in after if lead["outcome"] in ids] or after  # it may lead a leading one
    sizes = {outcome.name: _smallest_seen(kpi, outcome, leads) for outcome in outcomes}
    long_enough = {name: size for name, size in sizes.items() if size is not None and size <= LARGE}
    if not outcomes:
        verdict = "no outcome"
        served = leads.catalog.objectives.get(kpi.objective)
        objective = served.name if served else kpi.objective
        words = "No lagging KPI serves {objective} or what it is a part of: there is nothing that it should lead."
        text = t(words, objective=objective)
    elif found:
        verdict = "leads"
        words = "In published history it moved before {kpis}. What moves before needn't cause it."
        text = t(words, kpis=_outcomes_before(found, leads))
    elif weaker := _leads_if_asked_alone(kpi, outcomes, leads):
        verdict = "may lead"
        words = (
            "It may move before {kpis}: asked of these alone yes, but where all KPIs are searched, it may be chance."
        )
        text = t(words, kpis=_outcomes_before(weaker, leads))
    elif not long_enough:
        verdict = "too short"
        words = "Published history is too short to say whether it moves before {kpis}."
        text = t(words, kpis=", ".join(sizes))
    else:
        verdict = "leads nothing"
        words = (
            "In published history it didn't move before {kpis}, though a correlation of {size} would have been seen:"
            " does it still lead?"
        )
        text = t(words, kpis=", ".join(long_enough), size=leads.language.decimal(max(long_enough.values()), 2))
        if short := len(sizes) - len(long_enough):
            text += f" {t('Of {count} more, history is too short to say.', count=short)}"
    return {"verdict": verdict, "outcomes": [outcome.kpi_id for outcome in outcomes], "found": found, "text": text}


def _outcomes(kpi: CatalogKpi, leads: Leads) -> list[CatalogKpi]:
    served = path_to(leads.catalog.objectives, kpi.objective)
    return [other for other in leads.catalog.live if other.type == "lagging" and other.objective in served]


def _leads_if_asked_alone(kpi: CatalogKpi, outcomes: Iterable[CatalogKpi], leads: Leads) -> list[Answer]:
    return [lead for outcome in outcomes for lead in leads.before(outcome)["leads"] if lead["driver"] == kpi.kpi_id]


def _outcomes_before(found: Iterable[Answer], leads: Leads) -> str:
    """The outcomes of leads, each with how long before."""
    return ", ".join(
        dict.fromkeys(
            f"{lead['outcome_name']} ({leads.language.count(lead['periods_before'], *PERIODS[lead['freq']])})"
            for lead in found
        )
    )


def _smallest_seen(kpi: CatalogKpi, outcome: CatalogKpi, leads: Leads) -> float | None:
    """The smallest correlation with the outcome that would have been seen; None where the KPI couldn't be tried."""
    searches = [freq_search.search for freq_search in leads.searches.of(outcome.kpi_id)]
    return min((search.seen_from[kpi.kpi_id] for search in searches if kpi.kpi_id in search.seen_from), default=None)
