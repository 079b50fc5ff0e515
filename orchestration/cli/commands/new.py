"""The commands `kpi new …`, which write a file of the company folder to be filled in."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from metrics.core.deployment import published_path
from metrics.core.errors import NyckeltalError, did_you_mean
from metrics.core.text import short_path
from metrics.definitions.company import Company
from metrics.definitions.kpis.kpi import standard_definitions
from orchestration.cli.terminal import DONE, console, styled

HELP_ORDER = 1
app = typer.Typer(name="new", help="Write a new file of the company folder, to be filled in.", no_args_is_help=True)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@app.callback()
def group() -> None:
    """Write a new file of the company folder, to be filled in."""


@app.command()
def kpi(
    kpi_id: Annotated[str, typer.Argument(metavar="KPI", help="Its id, such as mrr.")],
    metric: Annotated[
        str | None, typer.Option(help="The dbt metric that is its value; without it a standard KPI is adopted.")
    ] = None,
    domain: Annotated[str | None, typer.Option(help="The folder below kpis/; else that of KPIs like it.")] = None,
) -> None:
    """Write the file of a KPI: an adoption of a standard one, or with --metric a definition of the company's own."""
    for name, field in ((kpi_id, "KPI"), (domain, "--domain")):
        if name is not None and not _NAME.fullmatch(name):
            raise NyckeltalError("isn't made of a to z, digits and _", field=field, found=name)
    company = Company.load()
    there = next((company.path / "kpis").glob(f"*/{kpi_id}.yml"), None)
    if there is not None:
        raise NyckeltalError(f"the KPI '{kpi_id}' has a file already, which stays as it is", file=there)
    # MetricFlow and dbt take seconds to import.
    from metrics import new_kpi
    from orchestration.dbt.planning import parsed

    if metric is None:
        standard = standard_definitions()
        if kpi_id not in standard:
            raise NyckeltalError(
                f"there is no standard definition '{kpi_id}'{did_you_mean(kpi_id, list(standard))}",
                field="KPI",
                expected="the id of one, or --metric with the metric of an own one",
            )
        definition, file = standard[kpi_id]
        text, folder = new_kpi.adoption_text(kpi_id, definition, company), domain or file.parent.name
    else:
        layer, lineage = parsed(company)
        text = new_kpi.definition_text(kpi_id, metric, company, layer, lineage)
        folder = domain or new_kpi.derived_domain(metric, company, layer) or ""
        if not folder:
            problem = f"no KPI, or KPIs of several domains, are over the facts of {metric}"
            raise NyckeltalError(problem, field="--domain", expected="the domain of the KPI")
    path = company.path / "kpis" / folder / f"{kpi_id}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as written:
        written.write(text)
    if published_path().exists():
        from orchestration.cli.reports.opinions import print_opinions
        from publishing.answers import reviews

        print_opinions(console(), kpi_id, reviews.opinions("adopt").get(kpi_id, []))
    console().print(
        styled(DONE, f"{short_path(path)} written. Fill in what is empty, then `kpi check`."), highlight=False
    )
