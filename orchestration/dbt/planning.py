"""Makes the plan of a company's KPIs from dbt's parse of its staging, marts and metrics."""

from __future__ import annotations

import shutil
from pathlib import Path

from metrics.company_plan import CompanyPlan, plan_company
from metrics.compiled_folder import staging_files
from metrics.compiler.semantic_layer import Engine, SemanticLayer
from metrics.core.private_files import private_files
from metrics.definitions.company import Company
from metrics.definitions.kpis.adopted import adopted_kpis
from metrics.lint.binding import require_bound
from metrics.versioning.lineage import Lineage
from orchestration.dbt import project


def planned(company: Company, engine: Engine = "duckdb", *, bound: bool = False) -> CompanyPlan:
    """The plan of all KPIs that the company has adopted, with SQL for `engine`.

    With `bound`, every column that models, metrics and tests name must exist; this is checked before anything else.
    Raises Problems for definitions with mistakes, and NyckeltalError when dbt can't parse the project.
    """
    kpis = adopted_kpis(company)
    folder = _parse_without_kpis(company)
    if bound:
        require_bound(company, Lineage(folder / "manifest.json"))
    return plan_company(company, kpis, folder, engine)


def parsed(company: Company) -> tuple[SemanticLayer, Lineage]:
    """The metrics of the company and the project, and the models that they read, whether or not a KPI uses them.

    Raises NyckeltalError when dbt can't parse the project.
    """
    folder = _parse_without_kpis(company)
    return SemanticLayer.read(folder / "semantic_manifest.json"), Lineage(folder / "manifest.json")


@private_files()
def _parse_without_kpis(company: Company) -> Path:
    """Parses the project with only those compiled files that staging and marts need; returns dbt's target folder.

    Compiled KPI models are left out: outdated ones could make the parse fail.
    """
    scratch = project.workspace(company) / "compile"
    shutil.rmtree(scratch / "compiled", ignore_errors=True)
    for name, text in staging_files(company).items():
        path = scratch / "compiled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return project.parse(company, compiled=scratch / "compiled")
