"""Proves refactorings around dbt's builds: stores the candidates before a build, and compares them after it.

The comparison itself is in `data_quality/release/comparison/refactorings.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from data_quality import warehouse
from data_quality.ledger.store import Ledger
from data_quality.release.comparison import refactorings
from metrics.core import deployment
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.versioning.lineage import Lineage
from orchestration.dbt import changes, project
from orchestration.dbt.manifest import require_compiled


def before_newer_rows(company: Company, catalog: Catalog, manifest: Path) -> None:
    """Builds the refactored KPIs from the rows that are in raw already, before newer rows make a comparison impossible.

    Raises NyckeltalError when the compiled files don't match the definitions, or dbt itself fails. A failed model is no
    error here: its KPIs stay unproved.
    """
    if not deployment.warehouse_path().exists():
        return
    kpis = before_build(catalog)
    if kpis:
        require_compiled(company)
        changes.forget_all()
        selection = [f"+{kpi.model}" for kpi in kpis]
        run_results = project.build(company, ["run", "--select", *selection], lambda _: None)
        after_build(catalog, Lineage(manifest), run_results)


def before_build(catalog: Catalog) -> list[CatalogKpi]:
    """Stores the candidates that the next build is compared with, and returns the KPIs that have some."""
    with warehouse.connect() as connection:
        return refactorings.keep_reference(connection, catalog, Ledger.find(deployment.ledger_path()))


def after_build(
    catalog: Catalog, lineage: Lineage, run_results: Mapping[str, Any], unchanged_nodes: Collection[str] = frozenset()
) -> None:
    """Compares a build with the candidates stored before it, for KPIs whose models upstream are all up to date.

    `unchanged_nodes` are the nodes that weren't built because they have nothing new to compute.
    """
    built_nodes = {result["unique_id"] for result in run_results["results"] if result["status"] == "success"}
    up_to_date_nodes = built_nodes | set(unchanged_nodes)
    built_kpis = [
        kpi.kpi_id for kpi in catalog.kpis if kpi.supplied and _upstream_models(kpi, lineage) <= up_to_date_nodes
    ]
    with warehouse.connect() as connection:
        refactorings.compare(connection, catalog, Ledger.find(deployment.ledger_path()), built_kpis)


def _upstream_models(kpi: CatalogKpi, lineage: Lineage) -> set[str]:
    return {unique_id for unique_id in lineage.closure([lineage.models[kpi.model]]) if unique_id.startswith("model.")}
