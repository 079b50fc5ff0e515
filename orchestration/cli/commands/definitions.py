"""The commands on a company's definitions: `kpi check`, `compile`, `plan` and `refactored`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from metrics.core import clock
from metrics.core.errors import NyckeltalError, Problems, did_you_mean
from metrics.definitions.company import Company
from metrics.definitions.kpis.kpi import require_adopted
from orchestration.cli.options import Json
from orchestration.cli.terminal import DONE, console, print_json, styled

HELP_ORDER = 2
app = typer.Typer()


@app.command()
def check(
    strict: Annotated[bool, typer.Option("--strict", help="Findings are errors: end with status 2.")] = False,
    as_json: Json = False,
) -> None:
    """Check the company's feeds and KPI definitions: report every mistake at once, and what else was found.

    Mistakes end it with status 2. Findings are about how KPIs are managed (docs/reference/lint.md has the rules); those
    that the company accepts for a while stand in its `exceptions.yml`.
    """
    from metrics.compiled_catalog import catalog_of
    from metrics.versioning import reviewed
    from orchestration.cli.reports import lint as report
    from orchestration.dbt.planning import planned
    from orchestration.dbt.released import anything_released
    from orchestration.ingest.readers import require_known_formats
    from publishing import lint

    company = Company.load()
    require_known_formats(company.feeds.values())
    plan = planned(company, bound=True)
    reviewed.review(company, plan.current_definitions, released=anything_released())
    findings = lint.findings(company, catalog_of(company, plan), clock.today(company.time_zone))
    if strict and findings:
        advice = "Put these right, or accept them for a while in exceptions.yml, with a reason."
        raise Problems([finding.error(company) for finding in findings], advice=advice)
    domains = sorted({defined_kpi.plan.kpi.domain for defined_kpi in plan.kpis})
    without_deciders = [domain for domain in domains if not company.roles.deciders(domain)]
    if as_json:
        summary: dict[str, Any] = {"company": company.name, "feeds": len(company.feeds), "kpis": len(plan.kpis)}
        summary["findings"] = [asdict(finding) for finding in findings]
        print_json({**summary, "nobody_decides_for": without_deciders, "read_whole": plan.models_counted_whole})
        return
    terminal = console()
    terminal.print(styled(DONE, f"{company.name}: {len(company.feeds)} feeds and {len(plan.kpis)} KPIs are right."))
    if without_deciders:
        terminal.print(f"  roles.yml names nobody who may decide on held values of {', '.join(without_deciders)}.")
    _print_models_counted_whole(plan.models_counted_whole)
    report.print_findings(terminal, findings)


def _print_models_counted_whole(models: Sequence[Mapping[str, Any]]) -> None:
    """Print the models whose columns can't be analysed, with the reason."""
    for model in models:
        console().print(
            f"  {model['file']}: the columns that it uses can't be determined, because of: {model['statement']}. Until"
            f" this is written otherwise, all columns of {', '.join(model['feeds'])} are checked, and none of the keys"
            " that it joins by.",
            highlight=False,
        )


@app.command(name="compile")
def compile_(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a file isn't up to date.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="duckdb, or spark to read the SQL for Spark, which is not what runs.")
    ] = "duckdb",
    out: Annotated[Path | None, typer.Option(help="With --engine spark: the folder to write to.")] = None,
) -> None:
    """Write the company's compiled models and catalogue from its definitions."""
    from metrics import compiled_folder
    from metrics.versioning import reviewed
    from orchestration.dbt.planning import planned
    from orchestration.dbt.released import anything_released

    company = Company.load()
    if engine not in ("duckdb", "spark"):
        raise NyckeltalError(
            f"there is no such engine{did_you_mean(engine, ['duckdb', 'spark'])}", field="--engine", found=engine,
            expected="duckdb or spark",
        )  # fmt: skip
    if engine == "spark":
        _compile_for_spark(company, check_only, out)
        return
    plan = planned(company, bound=True)
    changed_definitions = reviewed.unreviewed(company, plan.current_definitions)
    files = compiled_folder.compile_company(company, plan, released=anything_released())
    if check_only:
        compiled_folder.require_current(company, files)
        console().print(styled(DONE, f"{len(files)} compiled files are up to date."))
    else:
        changed = compiled_folder.write(company, files)
        terminal = console()
        terminal.print(styled(DONE, f"{len(files)} files compiled, {len(changed)} changed."))
        for name in changed:
            terminal.print(f"  {os.path.normpath(f'compiled/{name}')}", highlight=False)
        if changed_definitions:
            kpi_ids = ", ".join(changed_definitions)
            terminal.print(
                f"  Nothing was released yet, so these changed without a review: {kpi_ids}.", highlight=False
            )
    _print_models_counted_whole(plan.models_counted_whole)


def _compile_for_spark(company: Company, check_only: bool, out: Path | None) -> None:
    from metrics import compiled_folder
    from orchestration.dbt.planning import planned

    if check_only or out is None:
        raise NyckeltalError("the SQL for Spark is written to a folder of its own", field="--out", expected="a folder")
    files = compiled_folder.whole_tables(planned(company, "spark"))
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    console().print(styled(DONE, f"{len(files)} models for Spark written to {out}."), highlight=False)


@app.command()
def plan(
    kpi_id: Annotated[str | None, typer.Argument(metavar="[KPI]", help="Explain this KPI down to its columns.")] = None,
) -> None:
    """How the KPIs are computed: the scans, the measures that share each scan, and how periods are rolled up."""
    company = Company.load()
    if kpi_id is not None:
        require_adopted(company, [kpi_id])
    from orchestration.cli.reports import plan as plan_report
    from orchestration.dbt.planning import planned

    company_plan = planned(company)
    if kpi_id is None:
        plan_report.print_company_plan(console(), company_plan)
        return
    (kpi_plan,) = (defined_kpi.plan for defined_kpi in company_plan.kpis if defined_kpi.plan.kpi.id == kpi_id)
    plan_report.print_kpi_plan(console(), kpi_plan, company_plan)


@app.command()
def refactored(
    kpi_ids: Annotated[list[str] | None, typer.Argument(metavar="[KPI]…", help="The KPIs; none with --all.")] = None,
    reason: Annotated[str, typer.Option(help="Why every value stays the same.")] = "",
    by: Annotated[
        str, typer.Option(envvar="USER", help="Who states this, as roles.yml names them. Recorded, not authenticated.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every KPI whose definition changed.")] = False,
) -> None:
    """Record that a changed definition gives the same values, so that its version stays; then compile.

    The next run computes the KPI from the rows that its former definition was computed from. Until this has given the
    same values, every value of the new definition is held.
    """
    if not reason.strip() or not by.strip():
        field = "--by" if reason.strip() else "--reason"
        raise NyckeltalError("a refactoring needs a reason, and the name of who reviewed it", field=field)
    if every == bool(kpi_ids):
        raise NyckeltalError("name the KPIs, or give --all")
    company = Company.load()
    require_adopted(company, kpi_ids or ())
    from metrics import compiled_folder
    from metrics.versioning import reviewed
    from orchestration.dbt.planning import planned

    plan = planned(company)
    recorded = reviewed.record_refactoring(
        company, plan.current_definitions, None if every else kpi_ids, reason.strip(), by.strip()
    )
    terminal = console()
    terminal.print(styled(DONE, f"Recorded as refactored by {by}: {', '.join(recorded) or 'none'}."))
    if unreviewed := reviewed.unreviewed(company, plan.current_definitions):
        kpis = ", ".join(unreviewed)
        terminal.print(f"  Not compiled yet: {kpis} changed, too; `kpi check` says what to do.", highlight=False)
        return
    compiled_folder.write(company, compiled_folder.compile_company(company, plan))
    if recorded:
        terminal.print("  The next run compares the values on the same rows, and holds those that differ.")
