"""A company's compiled folder: everything that `kpi compile` writes, and whether it is up to date."""

from __future__ import annotations

import json
from pathlib import Path

from metrics.company_plan import CompanyPlan
from metrics.compiled_catalog import catalog_text
from metrics.compiler.kpi_sql import candidates_sql, kpi_sql
from metrics.compiler.plan import Rollup
from metrics.compiler.rollups import inputs_of, rollup_models
from metrics.core.errors import NyckeltalError
from metrics.core.quoting import jinja, literal
from metrics.core.text import visible
from metrics.definitions import input_entities
from metrics.definitions.company import Company
from metrics.versioning import reviewed
from metrics.versioning.lineage import Lineage, definition_hash


def folder(company: Company) -> Path:
    """The company's compiled folder."""
    return company.path / "compiled"


def compile_company(company: Company, planned: CompanyPlan, *, released: bool = True) -> dict[str, str]:
    """The text of every compiled file and of the reviewed definitions, by its path from the compiled folder.

    `released`: whether anything was, so that a changed definition must be reviewed.
    Raises what `reviewed.review` raises.
    """
    files = before_kpis(company)
    files[f"../{reviewed.path(company).name}"] = reviewed.text(
        reviewed.review(company, planned.currents, released=released)
    )
    for rollup in planned.rollups:
        files |= {f"rollups/{name}.sql": sql for name, sql in _rollup_models(rollup, planned.lineage).items()}
    for one in planned.kpis:
        files[f"kpi/{one.plan.kpi.model}.sql"] = kpi_sql(one.plan, planned.rollups, one.current.hash)
    files["kpi/candidates.sql"] = candidates_sql([one.plan for one in planned.kpis])
    files["catalog.json"] = catalog_text(company, planned)
    return files


def whole_tables(planned: CompanyPlan) -> dict[str, str]:
    """The rollup and KPI models in the SQL of the plan's engine, by file: whole tables, computed anew each run."""
    models = {name: sql for rollup in planned.rollups for name, sql in rollup_models(rollup).items()}
    models |= {one.plan.kpi.model: kpi_sql(one.plan, planned.rollups, one.current.hash) for one in planned.kpis}
    return {f"{name}.sql": sql for name, sql in models.items()}


def write(company: Company, files: dict[str, str]) -> list[str]:
    """Writes what differs, removes what is no longer compiled; returns the paths that changed."""
    changed = stale(company, files)
    for name in changed:
        path = folder(company) / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
        else:
            path.unlink()
    return changed


def stale(company: Company, files: dict[str, str]) -> list[str]:
    """The paths whose committed text isn't what the definitions compile to."""
    root = folder(company)
    there = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")  # what an editor or a file manager measures
    }
    differing = {
        name
        for name, text in files.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    }
    return sorted(differing | (there - set(files)))


def require_current(company: Company, files: dict[str, str]) -> None:
    """Raises NyckeltalError when a committed file isn't what the definitions compile to."""
    if changed := stale(company, files):
        raise NyckeltalError(
            f"{len(changed)} compiled files aren't what the definitions say; run `kpi compile`:"
            f" {', '.join(changed[:5])}",
            file=folder(company),
        )


def before_kpis(company: Company) -> dict[str, str]:
    """The compiled files that staging and marts need."""
    files = {"sources.yml": _sources(company), "staging/company.sql": _company_model(company)}
    return files | input_entities.empty_models(company)


def _rollup_models(rollup: Rollup, lineage: Lineage) -> dict[str, str]:
    columns = set(lineage.nodes[lineage.models[rollup.models[0]]]["columns"])
    return rollup_models(rollup, inputs_of(rollup, columns, definition_hash(lineage.parts(rollup_models(rollup)))))


def _sources(company: Company) -> str:
    """dbt's declaration of the raw tables, so that staging has lineage from its feeds."""
    lines = [
        "# The company's feeds as dbt sources. Written by `kpi compile`.",
        "sources:",
        "  - name: raw",
        "    schema: raw",
        "    tables:",
    ]
    for feed in sorted(company.feeds.values(), key=lambda one: one.name):
        lines += [
            f"      - name: {feed.name}",
            f"        description: {json.dumps(jinja(visible(feed.description)), ensure_ascii=False)}",
        ]
    return "\n".join(lines) + "\n"


def _company_model(company: Company) -> str:
    return (
        "-- The company's own facts, one row. Written by `kpi compile`.\n"
        f"select\n    {literal(company.reporting_currency)} as reporting_currency,\n"
        f"    {literal(company.time_zone)} as time_zone\n"
    )
