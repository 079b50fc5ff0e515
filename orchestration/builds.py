"""Which KPIs a dbt build brought up to date: the table `kpi._builds`, which the gate reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from data_quality import candidates, warehouse
from metrics import clock
from metrics.catalog import Catalog, CatalogKpi
from metrics.lineage import Lineage

_KPI_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in candidates.COLUMNS.items())


def prepare_tables(catalog: Catalog) -> None:
    """Makes the tables that aren't there yet, empty: one broken KPI mustn't keep the others from being united."""
    with warehouse.connect() as connection:
        connection.execute("create schema if not exists kpi")
        for kpi in catalog.kpis:
            connection.execute(f"create table if not exists kpi.{kpi.model} ({_KPI_COLUMNS})")
        connection.execute(
            """create table if not exists kpi._builds
               (batch_id varchar, built_at timestamptz, kpi_id varchar, ok boolean, reason varchar)"""
        )


def record(catalog: Catalog, lineage: Lineage, run_results: Mapping[str, Any]) -> dict[str, str]:
    """Writes one row per KPI for a build: whether it and all that is upstream of it succeeded.

    Returns the reasons by KPI id of those that did not.
    """
    failures = {
        result["unique_id"]: f"{result['unique_id'].split('.')[2]}: {_first_line(result.get('message'))}"
        for result in run_results["results"]
        if result["status"] in ("error", "fail", "runtime error")
    }
    done = {result["unique_id"] for result in run_results["results"] if result["status"] == "success"}
    reasons = {kpi.kpi_id: _reason(kpi, lineage, failures, done) for kpi in catalog.kpis}
    batch = run_results["metadata"]["invocation_id"]
    built_at = clock.now()
    with warehouse.connect() as connection:
        connection.executemany(
            "insert into kpi._builds values (?, ?, ?, ?, ?)",
            [[batch, built_at, kpi_id, reason is None, reason] for kpi_id, reason in reasons.items()],
        )
    return {kpi_id: reason for kpi_id, reason in reasons.items() if reason is not None}


def skipped(run_results: Mapping[str, Any], model: str) -> bool:
    """Whether that build was to make the model, and left it out because something upstream of it failed."""
    return any(one["unique_id"] == model and one["status"] == "skipped" for one in run_results["results"])


def _reason(kpi: CatalogKpi, lineage: Lineage, failures: Mapping[str, str], done: Iterable[str]) -> str | None:
    upstream = lineage.closure([lineage.models[kpi.model]])
    for failed, message in failures.items():
        if failed in upstream or any(parent in upstream for parent in lineage.parents.get(failed, [])):
            return message
    return None if lineage.models[kpi.model] in done else f"{kpi.model} was not built"


def _first_line(message: str | None) -> str:
    return " ".join((message or "failed").split())[:300]
