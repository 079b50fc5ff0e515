"""A KPI's owner is one of the people that `roles.yml` names, where it names any.

An owner whom no role names may be misspelt, or have left the company: nobody answers for the KPI then.
"""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import did_you_mean
from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.roles import listed_spelling


def findings(company: Company, catalog: Catalog) -> Iterator[tuple[str, str]]:
    groups = (*company.roles.decides.values(), *company.roles.refactors.values())
    people = tuple(dict.fromkeys(name for names in groups for name in names))
    for kpi in catalog.live if people else ():
        if listed_spelling(kpi.owner, people) is None:
            yield kpi.kpi_id, f"roles.yml doesn't name its owner {kpi.owner}{did_you_mean(kpi.owner, people)}"
