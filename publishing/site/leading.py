"""What the site says of what moved before what: by KPI, in its language."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import duckdb

from metrics.definitions.catalog import Catalog, CatalogKpi
from publishing.analysis.leads import Leads
from publishing.analysis.leads import read as leads_of
from publishing.analysis.relevance import relevance
from publishing.answers import Answer
from publishing.language import Language


class LeadNotes(NamedTuple):
    """Of a KPI: a summary of what moved before it, and sentences with the other KPI: those before it and those after.

    `relevance` says of a leading KPI whether it leads the outcomes of its objective; empty for another one.
    """

    summary: str
    before: list[tuple[str, CatalogKpi]]
    after: list[tuple[str, CatalogKpi]]
    relevance: str


def read(path: Path, catalog: Catalog, language: Language) -> Leads:
    """All that moved before a KPI in the published file; `catalog` is that of its newest release.

    It is kept in the data folder, so that the next release searches only histories that it changed.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        leads = leads_of(connection, catalog, language)
    leads.searches.certain(kpi.kpi_id for kpi in catalog.kpis)
    leads.searches.keep()
    return leads


def notes(leads: Leads, kpi: CatalogKpi) -> LeadNotes:
    """What the KPI's page says; of several lags at a frequency the most certain one."""
    answer, relevant = leads.before(kpi, among_all=True), relevance(kpi, leads)
    return LeadNotes(
        summary=answer["summary"] if answer["searched"] else "",
        before=[(lead["quote"], leads.catalog.kpi(lead["driver"])) for lead in _first(answer["leads"])],
        after=[(lead["quote"], leads.catalog.kpi(lead["outcome"])) for lead in _first(leads.after(kpi))],
        relevance=relevant["text"] if relevant else "",
    )


def _first(leads: Iterable[Answer]) -> list[Answer]:
    """The first lead of each driver, outcome and frequency."""
    first: dict[tuple[str, ...], Answer] = {}
    for lead in leads:
        first.setdefault((lead["driver"], lead["outcome"], lead["freq"]), lead)
    return list(first.values())
