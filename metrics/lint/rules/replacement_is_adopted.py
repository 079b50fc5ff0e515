"""The KPI that replaces a retired one is another one that the company has adopted."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.compiler.semantic_layer import SemanticLayer
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.company import Company
from metrics.definitions.kpi import Kpi


def findings(kpi: Kpi, company: Company, _: SemanticLayer) -> Iterator[NyckeltalError]:
    retired = kpi.adoption.retired
    others = sorted({file.stem for file in (company.path / "kpis").glob("*/*.yml")} - {kpi.id})
    if retired is not None and retired.replaced_by not in (None, *others):
        problem = f"no KPI '{retired.replaced_by}' is adopted{did_you_mean(retired.replaced_by or '', others)}"
        yield kpi.problem("retired", problem, expected="in `replaced_by` another KPI of the company")
