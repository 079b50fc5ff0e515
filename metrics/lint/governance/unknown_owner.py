"""A KPI's owner is one of the people that `roles.yml` names, where it names any.

An owner whom no role names may be misspelt, or have left the company: nobody answers for the KPI then, and held values
of it wait for others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from metrics.definitions.catalog import Catalog
from metrics.definitions.company import Company
from metrics.definitions.roles import listed_spelling


def findings(company: Company, catalog: Catalog) -> Iterator[tuple[str, str]]:
    groups = (*company.roles.decides.values(), *company.roles.refactors.values())
    people = tuple(name for names in groups for name in names)
    for owner, count in Counter(kpi.owner for kpi in catalog.live).items():
        if people and listed_spelling(owner, people) is None:
            yield owner, f"owns {count} KPI{'s' * (count != 1)}, but roles.yml gives this name no role"
