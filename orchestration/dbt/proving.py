"""Proving refactorings around dbt's builds: the reference is kept before one, and compared after it.

What is compared, and what follows from it: `data_quality/refactorings.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_quality import warehouse
from data_quality.ledger.store import Ledger
from data_quality.release import refactorings
from metrics.core import deployment
from metrics.definitions.catalog import Catalog, CatalogKpi
from metrics.definitions.company import Company
from metrics.versioning.lineage import Lineage
from orchestration.dbt import project
from orchestration.dbt.manifest import require_compiled


def before_newer_rows(company: Company, catalog: Catalog, manifest: Path) -> None:
    """Builds what was refactored from the rows that are in raw, so that it can be compared, before newer ones come.

    Raises NyckeltalError when the compiled files aren't what the definitions say, or dbt fails. A model that fails
    raises nothing: the KPIs behind it stay unproved.
    """
    if not deployment.warehouse_path().exists():
        return
    kpis = before_build(catalog)
    if kpis:
        require_compiled(company)
        selection = [f"+{kpi.model}" for kpi in kpis]
        results = project.build(company, ["run", "--select", *selection], lambda _: None)
        after_build(catalog, Lineage(manifest), results)


def before_build(catalog: Catalog) -> list[CatalogKpi]:
    """Keeps the candidates that a build is to be compared with; the KPIs that have such."""
    with warehouse.connect() as connection:
        return refactorings.keep_reference(connection, catalog, Ledger.find(deployment.ledger_path()))


def after_build(catalog: Catalog, lineage: Lineage, run_results: Mapping[str, Any]) -> None:
    """Compares what was built with what was kept before it: KPIs of which this build made all that is upstream."""
    done = {result["unique_id"] for result in run_results["results"] if result["status"] == "success"}
    built = [kpi.kpi_id for kpi in catalog.kpis if kpi.supplied and _models(kpi, lineage) <= done]
    with warehouse.connect() as connection:
        refactorings.compare(connection, catalog, Ledger.find(deployment.ledger_path()), built)


def _models(kpi: CatalogKpi, lineage: Lineage) -> set[str]:
    return {key for key in lineage.closure([lineage.models[kpi.model]]) if key.startswith("model.")}
