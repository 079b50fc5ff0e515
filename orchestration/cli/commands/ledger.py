"""The commands `kpi ledger …`: the care of the ledger."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from metrics.core.deployment import ledger_path, published_path
from orchestration.cli.tables import Cell, Column, print_with_notes
from orchestration.cli.terminal import DONE, FAILED, console, print_json, styled
from orchestration.lock import writing

if TYPE_CHECKING:  # Delta and Arrow take a third of a second to import; other commands don't need them.
    from data_quality.ledger.verify import Verification

SHOWN = 50

app = typer.Typer(help="The care of the ledger.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


@app.command()
def verify(as_json: Json = False) -> None:
    """Hold every row against the releases; ends with status 1 when one isn't as it was released."""
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
    """Make the published file anew, from the ledger alone."""
    from publishing import duckdb_file

    path = published_path()
    ledger = duckdb_file.rebuild(ledger_path(), path)
    console().print(styled(DONE, f"{path} holds the ledger's {len(ledger.releases)} releases."), soft_wrap=True)


@app.command()
def compact(as_json: Json = False) -> None:
    """Write the many small files of the ledger together; no row changes."""
    from data_quality.ledger import compact

    tables = compact.compact(ledger_path())
    if as_json:
        print_json([asdict(one) for one in tables])
        return
    for one in tables:
        counts = f"{one.table}: {one.files_before} → {one.files_after} files"
        console().print(styled(DONE, counts), highlight=False)


@app.command()
def purge(
    to: Annotated[str, typer.Option(help="Where the new ledger is written: a folder or URL with nothing there yet.")],
    reason: Annotated[str, typer.Option(help="Why. It is published, so it may not hold the text.")],
    by: Annotated[str, typer.Option(envvar="USER", help="Who says so, as in roles.yml; recorded, not authenticated.")],
    as_json: Json = False,
) -> None:
    """Write the ledger anew without the texts that are typed in, a line each; the old one stays as it is.

    The texts are asked for, or read from the standard input, so that no shell keeps them. docs/recovery.md says what to
    do next: put the new ledger in the old one's place, rebuild the published file, delete the old one.
    """
    from data_quality.release import purge
    from metrics.definitions.company import Company

    company = Company.load()
    typed = typer.prompt("Text to purge", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()
    with writing():
        row = purge.purge(ledger_path(), to, typed.splitlines(), company, reason=reason, by=by)
    if as_json:
        print_json({"to": to, "sequence": row["sequence"], "purge": json.loads(row["purge"])})
        return
    console().print(styled(DONE, f"{to}: release {row['sequence']} says: {row['note']}"), soft_wrap=True)
    console().print(
        f"  {ledger_path()} is as it was. Put the new ledger in its place, run `kpi ledger rebuild`, and delete it.",
        soft_wrap=True,
    )


@app.command()
def set_clock_back(
    reason: Annotated[str, typer.Option(help="What had happened. It is published with the release.")],
    by: Annotated[str, typer.Option(envvar="USER", help="Who says so, as in roles.yml; recorded, not authenticated.")],
) -> None:
    """Record that the clock stood ahead at the newest release, so that releases go on from the present time."""
    import publishing
    from data_quality.release import clock_correction
    from metrics.definitions.company import Company

    with writing():
        row = clock_correction.set_back(Company.load(), reason=reason, by=by)
        publishing.publish()
    told = f"Release {row['sequence']} records it; the clock stands at {row['published_at']:%Y-%m-%d %H:%M} UTC."
    console().print(styled(DONE, told), highlight=False)


def _report(root: str, result: Verification) -> None:
    terminal = console()
    rows = ", ".join(f"{count:,} {table}" for table, count in result.rows.items() if table != "releases")
    leftovers = ", ".join(f"{count:,} {table}" for table, count in result.leftovers.items() if count)
    if result.findings:
        terminal.print(styled(FAILED, f"{root}: {len(result.findings):,} findings."), soft_wrap=True)
        rows_told: list[tuple[list[Cell], str]] = []
        for one in result.findings[:SHOWN]:
            sequence = "" if one.sequence is None else str(one.sequence)
            note = ": ".join(text for text in (one.key, one.detail) if text)
            rows_told.append(([sequence, one.table, styled((one.fault, "red"))], note))
        print_with_notes(terminal, [*map(Column, ("release", "table", "fault"))], rows_told, title="Rows at fault")
        if len(result.findings) > SHOWN:
            terminal.print(f"And {len(result.findings) - SHOWN:,} more; --json prints them all.")
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
        terminal.print(f"  Of interrupted releases, so of no account: {leftovers}.")
    if result.unsealed_decisions:
        terminal.print(f"  Not covered before the next release: {result.unsealed_decisions:,} decisions.")
