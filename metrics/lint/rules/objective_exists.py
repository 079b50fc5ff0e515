"""A KPI serves one of the company's objectives."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.company import Company
from metrics.definitions.kpis.kpi import Kpi


def findings(kpi: Kpi, company: Company) -> Iterator[NyckeltalError]:
    objective = kpi.adoption.objective
    if objective not in company.objectives:
        hint = did_you_mean(objective, list(company.objectives))
        yield kpi.problem("objective", f"objectives.yml has no '{objective}'{hint}")
