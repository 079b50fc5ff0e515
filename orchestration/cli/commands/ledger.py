"""The commands `kpi ledger …`: checking and maintaining the ledger."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metrics.core.deployment import ledger_path, published_path
from metrics.core.text import short_path
from orchestration.cli.options import Json, StatedBy
from orchestration.cli.tables import Cell, Column, print_with_notes
from orchestration.cli.terminal import DONE, FAILED, console, print_json, styled
from orchestration.lock import writing

if TYPE_CHECKING:  # Delta and Arrow take a third of a second to import
    from data_quality.ledger.verify import Verification

FINDINGS_SHOWN = 50
HELP_ORDER = 7
app = typer.Typer(name="ledger", help="Check and maintain the ledger.", no_args_is_help=True)


@app.command()
def verify(as_json: Json = False) -> None:
    """Compare every row with the releases; ends with status 1 when a row isn't as it was released."""
    from data_quality.ledger import verify
    from data_quality.ledger.store import Ledger

    root = ledger_path()
    result = verify.verify(Ledger.open(root, make=False))
    if as_json:
        print_json(asdict(result))
    else:
        _report(root, result)
    if result.findings:
        raise typer.Exit(1)


@app.command()
def rebuild() -> None:
    """Write the published file, its Parquet files and the site again, from the ledger alone."""
    from publishing import duckdb_file, exports, site

    path = published_path()
    ledger = duckdb_file.rebuild(ledger_path(), path)
    exports.rebuild()
    site.rebuild()
    n_releases = len(ledger.releases)
    releases = f"{n_releases:,} releases" if n_releases != 1 else "only release"
    console().print(styled(DONE, f"{short_path(path)} holds the ledger's {releases}."), soft_wrap=True)


@app.command()
def compact(as_json: Json = False) -> None:
    """Merge the many small files of the ledger into fewer; no row changes."""
    from data_quality.ledger import compact

    tables = compact.compact(ledger_path())
    if as_json:
        print_json([asdict(table) for table in tables])
        return
    for table in tables:
        counts = f"{table.table}: {table.files_before} → {table.files_after} files"
        console().print(styled(DONE, counts), highlight=False)


@app.command()
def purge(
    to: Annotated[str, typer.Option(help="Where the new ledger is written: a folder or URL with nothing there yet.")],
    reason: Annotated[str, typer.Option(help="Why. It is published, so it may not hold the text.")],
    by: StatedBy,
    as_json: Json = False,
) -> None:
    """Write a new ledger without the given texts, one per line; the old ledger stays as it is.

    The command asks for the texts, or reads them from standard input, so that no shell history has them.
    docs/how-to/purge_a_text.md says what to do next: put the new ledger in the old one's place, rebuild the published
    file, delete the old ledger.
    """
    from data_quality.release import purge
    from metrics.definitions.company import Company

    company = Company.load()
    texts = typer.prompt("Text to purge", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    with writing():
        row = purge.purge(ledger_path(), to, texts.splitlines(), company, reason=reason, by=by)
    if as_json:
        print_json({"to": to, "sequence": row["sequence"], "purge": json.loads(row["purge"])})
        return
    console().print(styled(DONE, f"{to}: release {row['sequence']} says: {row['note']}"), soft_wrap=True)
    console().print(
        f"  {ledger_path()} is unchanged. Put the new ledger in its place, run `kpi ledger rebuild`, and delete the old"
        " one.",
        soft_wrap=True,
    )


@app.command()
def set_clock_back(
    reason: Annotated[str, typer.Option(help="What happened. It is published with the release.")],
    by: StatedBy,
) -> None:
    """Record that the clock was ahead at the newest release, so that new releases have the present time."""
    import publishing
    from data_quality.release import clock_correction
    from metrics.definitions.company import Company

    with writing(), publishing.published_around("the correction is recorded"):
        row = clock_correction.set_back(Company.load(), reason=reason, by=by)
    text = f"Release {row['sequence']} records it; the clock stands at {row['published_at']:%Y-%m-%d %H:%M} UTC."
    console().print(styled(DONE, text), highlight=False)


def _report(root: str, result: Verification) -> None:
    """Print what the verification found."""
    terminal = console()
    rows = ", ".join(f"{count:,} {table}" for table, count in result.rows.items() if table != "releases")
    leftovers = ", ".join(f"{count:,} {table}" for table, count in result.leftovers.items() if count)
    if result.findings:
        terminal.print(styled(FAILED, f"{root}: {len(result.findings):,} findings."), soft_wrap=True)
        fault_rows: list[tuple[list[Cell], str]] = []
        for finding in result.findings[:FINDINGS_SHOWN]:
            sequence = "" if finding.sequence is None else str(finding.sequence)
            note = ": ".join(text for text in (finding.key, finding.detail) if text)
            fault_rows.append(([sequence, finding.table, styled((finding.fault, "red"))], note))
        print_with_notes(terminal, [*map(Column, ("release", "table", "fault"))], fault_rows, title="Rows at fault")
        if len(result.findings) > FINDINGS_SHOWN:
            terminal.print(f"And {len(result.findings) - FINDINGS_SHOWN:,} more; --json prints them all.")
    else:
        unchanged = f"{root}: {result.releases:,} release{'s are' if result.releases != 1 else ' is'} as made ({rows})."
        terminal.print(styled(DONE, unchanged), soft_wrap=True)
        if result.newest_hash:
            terminal.print(f"  Hash of the newest release: {result.newest_hash}", highlight=False, soft_wrap=True)
    for release in result.purges:
        per_table = Counter(row.table for row in release.purge.rows)
        counts = ", ".join(f"{count:,} {name}" for name, count in per_table.items())
        stated = f"{release.purge.by} on {release.published_at:%Y-%m-%d}: {release.purge.reason}"
        terminal.print(f"  Release {release.sequence} purged a text from {counts}; stated by {stated}", soft_wrap=True)
    if leftovers:
        terminal.print(f"  Left by interrupted releases, and ignored: {leftovers}.")
    if result.unsealed_decisions:
        terminal.print(f"  Not checked, because no release covers them yet: {result.unsealed_decisions:,} decisions.")
