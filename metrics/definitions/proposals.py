"""What a proposal can be about: adopting a standard KPI, or retiring one in use."""

from __future__ import annotations

from typing import Literal

from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.definitions.catalog import Catalog
from metrics.definitions.kpis.kpi import standard_definitions

Proposal = Literal["adopt", "retire"]


def is_protected(catalog: Catalog, kpi_id: str, proposal: Proposal) -> bool:
    """Whether the KPI reads personnel data. Raises NyckeltalError unless the proposal can be about that KPI."""
    live = {kpi.kpi_id: kpi for kpi in catalog.kpis if not kpi.is_retired}
    if proposal == "retire":
        if kpi_id not in live:
            problem = f"no KPI '{kpi_id}' is in use{did_you_mean(kpi_id, list(live))}"
            raise NyckeltalError(problem, field="KPI", expected="one that `kpi list` shows")
        return live[kpi_id].protected
    if kpi_id in live:
        raise NyckeltalError(f"'{kpi_id}' is adopted already; with --retire the opinion is on retiring it", field="KPI")
    standard = standard_definitions()
    retired = {kpi.kpi_id: kpi for kpi in catalog.kpis if kpi.is_retired}
    if kpi_id in retired:
        return retired[kpi_id].protected
    if kpi_id not in standard:
        problem = f"there is no standard definition '{kpi_id}'{did_you_mean(kpi_id, list(standard))}"
        raise NyckeltalError(problem, field="KPI", expected="one that `kpi suggest` shows")
    return standard[kpi_id][0].persons is not None
