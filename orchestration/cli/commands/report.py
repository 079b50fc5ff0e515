"""The command that tells what a month brought: `kpi report`."""

from __future__ import annotations

from typing import Annotated

import typer

from metrics.core.deployment import site_path
from orchestration.cli.options import Json
from orchestration.cli.terminal import console, print_json

HELP_ORDER = 4
app = typer.Typer()


@app.command()
def report(
    month: Annotated[
        str, typer.Argument(metavar="[MONTH]", help="Such as 2026-10; by default the newest closed one.")
    ] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, to send by mail.")] = False,
    lang: Annotated[str, typer.Option(help="Its language, en or sv.")] = "en",
    site: Annotated[
        str, typer.Option(help="Address of the site, to which the links of --markdown lead. Without it, this folder's.")
    ] = "",
    as_json: Json = False,
) -> None:
    """What a month brought, in at most ten points, the worst first. The site has that of the newest closed month."""
    from orchestration.cli.reports import month as month_prints
    from publishing.site import month_report

    written = month_report.read(month, lang)
    if as_json:
        print_json(written.as_answer())
    elif markdown:
        address = site.rstrip("/") or site_path().parent.absolute().as_uri()
        typer.echo(month_prints.markdown(written, address))
    else:
        month_prints.print_report(console(), written)
