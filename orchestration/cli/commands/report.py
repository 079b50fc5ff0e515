"""The command that prints the news of a month: `kpi report`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from metrics.core.deployment import site_path
from metrics.core.errors import NyckeltalError
from orchestration.cli.options import AsOf, Json, Lang, past_day
from orchestration.cli.terminal import console, print_json, print_text

HELP_ORDER = 4
app = typer.Typer()
_ADDRESS = re.compile(r"https?://[^\s()<>\[\]\\\"'\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@app.command()
def report(
    month: Annotated[
        str, typer.Argument(metavar="[MONTH]", help="Such as 2026-10; by default the newest closed one.")
    ] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, to send by mail.")] = False,
    lang: Lang = "en",
    site: Annotated[
        str, typer.Option(help="Address of the site, to which the links of --markdown lead. Without it, this folder's.")
    ] = "",
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """The news of a month in at most ten points, missed targets first. The site has that of the newest closed month.

    The report of an earlier month stays as it was when the next month closed, or as of the first release, where that
    came later; --as-of takes another day.
    """
    from orchestration.cli.reports import month as month_prints
    from publishing.site import month_report

    if site and not _ADDRESS.fullmatch(site):
        raise NyckeltalError("is no address of a site", field="--site", found=site, expected="https://kpi.example")
    written = month_report.read(month, lang, past_day(as_of))
    if as_json:
        print_json(written.as_answer())
    elif markdown:
        own = site_path().parent.absolute().as_uri().replace("(", "%28").replace(")", "%29")
        address = site.rstrip("/") or own
        print_text(month_prints.markdown(written, address))
    else:
        month_prints.print_report(console(), written)
