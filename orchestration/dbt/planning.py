"""Makes the plan of a company's KPIs from dbt's parse of its staging, marts and metrics."""

from __future__ import annotations

import json
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
from orchestration.dbt.manifest import is_stamped, project_fingerprint


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

    Compiled KPI models are left out: outdated ones could make the parse fail. Nothing is parsed while none of the files
    has changed since the last time.
    """
    scratch = project.workspace(company) / "compile"
    target, stamp = scratch / "target", scratch / "parse.stamp"
    files = staging_files(company)
    current = project_fingerprint(company) + json.dumps(files)
    if (target / "manifest.json").exists() and is_stamped(stamp, current):
        return target
    stamp.unlink(missing_ok=True)
    shutil.rmtree(scratch / "compiled", ignore_errors=True)
    for name, text in files.items():
        path = scratch / "compiled" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    project.parse(company, compiled=scratch / "compiled")
    stamp.write_text(current)
    return target
