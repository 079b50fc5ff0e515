"""The commands of the site that people read in a browser: `kpi site` and `kpi open`."""

from __future__ import annotations

import webbrowser
from typing import Annotated

import typer

from metrics.core.deployment import site_path
from metrics.core.errors import NyckeltalError
from metrics.core.text import short_path
from orchestration.cli.terminal import DONE, console, styled

HELP_ORDER = 4
app = typer.Typer()


@app.command()
def site(
    lang: Annotated[
        str | None, typer.Option(help="Its language, en or sv; later releases keep it. By default the present one.")
    ] = None,
) -> None:
    """Write the site again: the scorecard and a page for each KPI. Every release does so by itself."""
    from publishing import site as published_site

    console().print(styled(DONE, short_path(published_site.rebuild(lang))), soft_wrap=True, highlight=False)


@app.command(name="open")
def open_(kpi_id: Annotated[str | None, typer.Argument(metavar="[KPI]", help="Open this KPI's page.")] = None) -> None:
    """Open the scorecard in the browser."""
    page = site_path()
    if kpi_id is not None:
        from metrics.definitions.catalog import Catalog
        from metrics.definitions.company import Company

        page = page.with_name(f"kpi-{Catalog.read(Company.load()).kpi(kpi_id).kpi_id}.html")
    if not page.exists():
        raise NyckeltalError("the page isn't written yet; `kpi site` writes it", file=page)
    console().print(short_path(page), soft_wrap=True, highlight=False)
    if not webbrowser.open(page.as_uri()):
        console().print("No browser was found here: open this file in one.", highlight=False)
