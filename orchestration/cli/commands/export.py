"""The command that writes published values for other programs: `kpi export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metrics.core.errors import NyckeltalError
from metrics.core.text import short_path
from orchestration.cli.terminal import DONE, console, styled

HELP_ORDER = 6
app = typer.Typer()


@app.command()
def export(
    xlsx: Annotated[bool, typer.Option("--xlsx", help="A workbook: scorecard, domains, notes.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="A CSV file for each published table.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="A Parquet file for each published table.")] = False,
    to: Annotated[Path, typer.Option(help="The folder to write into: kpi.xlsx, csv/, parquet/.")] = Path(),
    lang: Annotated[
        str, typer.Option(help="en or sv: the workbook's words, and the decimal sign and separator of CSV.")
    ] = "en",
) -> None:
    """Write the published values for spreadsheets and other programs; without an option, the workbook.

    Every release writes the Parquet files into published/parquet by itself.
    """
    from publishing import exports, reader
    from publishing.exports import workbook
    from publishing.language import language

    chosen = language(lang)
    written = []
    if xlsx or not (csv or parquet):
        _require_folder(to)
        if (to / "kpi.xlsx").is_dir():
            raise NyckeltalError("is a folder, where the workbook has to be", file=to / "kpi.xlsx", field="--to")
        workbook.write(to / "kpi.xlsx", reader.newest_catalog(), chosen)
        written.append(to / "kpi.xlsx")
    if csv:
        _require_folder(to / "csv")
        exports.write_csv(to / "csv", chosen)
        written.append(to / "csv")
    if parquet:
        _require_folder(to / "parquet")
        exports.write_parquet(to / "parquet")
        written.append(to / "parquet")
    for path in written:
        console().print(styled(DONE, short_path(path)), soft_wrap=True, highlight=False)


def _require_folder(path: Path) -> None:
    """Raises NyckeltalError unless the path is a folder or can become one."""
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise NyckeltalError("is a file, where a folder has to be", file=part, field="--to")
