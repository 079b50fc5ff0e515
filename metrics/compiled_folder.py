"""A company's compiled folder: the text of every file that `kpi compile` writes, and which files are out of date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from metrics.company_plan import CompanyPlan
from metrics.compiled_catalog import catalog_text
from metrics.compiler.plan import Rollup
from metrics.compiler.sql.kpi_sql import candidates_sql, kpi_sql
from metrics.compiler.sql.rollups import day_fingerprint_sql, rollup_models
from metrics.core.errors import NyckeltalError
from metrics.core.quoting import jinja, literal
from metrics.core.text import visible
from metrics.definitions import input_entities
from metrics.definitions.company import Company
from metrics.versioning import reviewed
from metrics.versioning.lineage import Lineage, definition_hash


def folder(company: Company) -> Path:
    """The path of the company's compiled folder."""
    return company.path / "compiled"


def compile_company(company: Company, planned: CompanyPlan, *, released: bool = True) -> dict[str, str]:
    """The texts of all compiled files and of `definitions.yml`, by their paths from the compiled folder.

    `released`: whether anything was, so that a changed definition must be reviewed.
    Raises what `reviewed.review` raises.
    """
    files = staging_files(company)
    record = reviewed.review(company, planned.current_definitions, released=released)
    files[f"../{reviewed.path(company).name}"] = reviewed.text(record)
    for rollup in planned.rollups:
        files |= {f"rollups/{name}.sql": sql for name, sql in _rollup_models(rollup, planned.lineage).items()}
    for defined_kpi in planned.kpis:
        files[f"kpi/{defined_kpi.plan.kpi.model}.sql"] = kpi_sql(
            defined_kpi.plan, planned.rollups, defined_kpi.current_definition.hash
        )
    files["kpi/candidates.sql"] = candidates_sql([defined_kpi.plan for defined_kpi in planned.kpis])
    files["kpi/exposures.yml"] = _exposures(planned)
    files["models.yml"] = _model_descriptions(files, planned)
    files["catalog.json"] = catalog_text(company, planned)
    return files


def whole_tables(planned: CompanyPlan) -> dict[str, str]:
    """The SQL of the rollup and KPI models without incremental loading, by file name, for the plan's engine."""
    models = {name: sql for rollup in planned.rollups for name, sql in rollup_models(rollup).items()}
    models |= {
        defined_kpi.plan.kpi.model: kpi_sql(defined_kpi.plan, planned.rollups, defined_kpi.current_definition.hash)
        for defined_kpi in planned.kpis
    }
    return {f"{name}.sql": sql for name, sql in models.items()}


def write(company: Company, files: dict[str, str]) -> list[str]:
    """Writes the files that differ and removes those that are no longer compiled. Returns the paths that changed."""
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
    """The paths of files whose text differs from `files`, that are missing, or that are no longer compiled; sorted."""
    root = folder(company)
    existing = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")  # not the hidden files of an editor or file manager
    }
    differing = {
        name
        for name, text in files.items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    }
    return sorted(differing | (existing - set(files)))


def require_current(company: Company, files: dict[str, str]) -> None:
    """Raises NyckeltalError when a compiled file isn't what the definitions compile to."""
    if changed := stale(company, files):
        raise NyckeltalError(
            f"{len(changed)} compiled files aren't what the definitions say; run `kpi compile`:"
            f" {', '.join(changed[:5])}",
            file=folder(company),
        )


def staging_files(company: Company) -> dict[str, str]:
    """The texts of the compiled files that staging and marts need, by their paths from the compiled folder."""
    files = {"sources.yml": _sources(company), "staging/company.sql": _company_model(company)}
    return files | input_entities.empty_models(company)


def _rollup_models(rollup: Rollup, lineage: Lineage) -> dict[str, str]:
    """The SQL of a rollup's incremental models, by model name."""
    fact_columns = set(lineage.nodes[lineage.models[rollup.models[0]]]["columns"])
    code_hash = definition_hash(lineage.parts(rollup_models(rollup)))
    return rollup_models(rollup, day_fingerprint_sql(rollup, fact_columns, code_hash))


def _sources(company: Company) -> str:
    """The dbt sources file that declares the raw tables, so that staging has lineage from its feeds."""
    lines = [
        "# The company's feeds as dbt sources, and what is in the model `company`. Written by `kpi compile`.",
        "sources:",
        "  - name: raw",
        "    schema: raw",
        "    tables:",
    ]
    for feed in sorted(company.feeds.values(), key=lambda feed: feed.name):
        lines += [
            f"      - name: {feed.name}",
            f"        description: {_yaml(feed.description)}",
        ]
    lines += ["models:", "  - name: company", "    description: The company's own facts, one row."]
    return "\n".join(lines) + "\n"


def _company_model(company: Company) -> str:
    """The SQL of the model `company`, one row with the company's currency and time zone."""
    return (
        "-- The company's own facts, one row. Written by `kpi compile`.\n"
        f"select\n    {literal(company.reporting_currency)} as reporting_currency,\n"
        f"    {literal(company.time_zone)} as time_zone\n"
    )


def _model_descriptions(files: Mapping[str, str], planned: CompanyPlan) -> str:
    """dbt's descriptions of the compiled models: a KPI's from its definition, of others the first line of their SQL."""
    described = {
        Path(name).stem: sql.partition("\n")[0].removeprefix("-- ").partition(" Written by")[0]
        for name, sql in files.items()
        if name.startswith(("rollups/", "kpi/")) and name.endswith(".sql")
    }
    for defined_kpi in planned.kpis:
        kpi = defined_kpi.plan.kpi
        described[kpi.model] = f"Candidates of {kpi.definition.name}. {kpi.definition.description}"
    lines = ["# What each compiled model is. Written by `kpi compile`.", "models:"]
    for name, description in sorted(described.items()):
        lines += [f"  - name: {name}", f"    description: {_yaml(description)}"]
    return "\n".join(lines) + "\n"


def _exposures(planned: CompanyPlan) -> str:
    """dbt's declaration of what is published: an exposure for each KPI, where the lineage in dbt's docs ends."""
    lines = ["# What is published of each KPI, as dbt exposures. Written by `kpi compile`.", "exposures:"]
    for defined_kpi in planned.kpis:
        kpi = defined_kpi.plan.kpi
        lines += [
            f"  - name: published_{kpi.id}",
            f"    label: {_yaml(kpi.definition.name)}",
            "    type: dashboard",
            f"    description: {_yaml(kpi.definition.description)}",
            f"    owner: {{name: {_yaml(kpi.adoption.owner)}}}",
            f"    depends_on: [ref('{kpi.model}')]",
        ]
    return "\n".join(lines) + "\n"


def _yaml(text: str) -> str:
    """The text as a YAML string in which dbt finds no Jinja."""
    return json.dumps(jinja(visible(text)), ensure_ascii=False)
