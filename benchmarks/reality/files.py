"""What of a company's source files existed by a day: rows of later days left out, later facts of a row blanked."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

from sample_company.simulator.__main__ import START
from sample_company.simulator.run import simulate
from sample_company.simulator.timeline import Span

_BYTE_ORDER_MARK = b"\xef\xbb\xbf".decode("latin-1")
Deliver = Callable[[Path, Path, date], None]
"""Writes below the second folder what the files of the first had up to and including the day."""


def simulated(_: Path, goal: Path, day: date, *, start: date = START, seed: int = 1, scale: float = 1.0) -> None:
    """The sample company's files, of another size or from another day on where asked for."""
    simulate(goal, Span(start, day, seed=seed, scale=scale))


def daily(folder: str) -> Deliver:
    """A folder with a file named after each day."""

    def deliver(source: Path, goal: Path, day: date) -> None:
        for path in sorted((source / folder).glob("*.csv")):
            there = goal / folder / path.name
            if date.fromisoformat(path.stem) <= day and not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                there.symlink_to(path)

    return deliver


def dated(name: str, column: str, form: str, later: Mapping[str, Iterable[str]] | None = None) -> Deliver:
    """A CSV file whose rows have a day.

    `later` names columns with a later day, and the columns that are known from that day on only; lines before the
    header, and rows without a day, stay.
    """

    def deliver(source: Path, goal: Path, day: date) -> None:
        _write(goal / name, _known_by(_rows(source / name), column, form, later or {}, day))

    return deliver


def copied(*names: str) -> Deliver:
    """Files that were there from the start."""

    def deliver(source: Path, goal: Path, _: date) -> None:
        for name in names:
            if not (goal / name).exists():
                (goal / name).parent.mkdir(parents=True, exist_ok=True)
                (goal / name).symlink_to(source / name)

    return deliver


def adventureworks_sales(source: Path, goal: Path, day: date) -> None:
    """The three yearly files of AdventureWorks' order lines.

    Of lines of 2 to 12 January 2016 and 2017 day and month are swapped; their order numbers tell on which day they
    were written.
    """
    for year in (2015, 2016, 2017):
        name = f"adventureworks/AdventureWorks_Sales_{year}.csv"
        rows = list(_rows(source / name))
        numbers = [int(row[2][2:]) for row in rows if row[0].startswith("13/01/")]
        swapped_below = min(numbers) if year > 2015 and numbers else 0

        def written_on(row: list[str], swapped_below: int = swapped_below) -> date | None:
            ordered = _day(row[0], "%d/%m/%Y")
            if ordered and ordered.day == 1 and int(row[2][2:]) < swapped_below:
                return ordered.replace(day=ordered.month, month=1)
            return ordered

        _write(goal / name, (row for row in rows if (written_on(row) or date.min) <= day))


def ravenstack_accounts(source: Path, goal: Path, day: date) -> None:
    """RavenStack's accounts: each since it has left a trace, with its signup date from that day on only.

    Some have tickets and subscriptions of before they signed up, so that they were there.
    """
    traces: dict[str, date] = {}
    for name, column in (("support_tickets", "submitted_at"), ("subscriptions", "start_date")):
        header, *rows = _rows(source / "ravenstack" / f"ravenstack_{name}.csv")
        for row in rows:
            who, happened = row[header.index("account_id")], _day(row[header.index(column)], "%Y-%m-%d")
            if happened is not None:
                traces[who] = min(happened, traces.get(who, happened))
    name = "ravenstack/ravenstack_accounts.csv"
    header, *accounts = _rows(source / name)
    signup, account = header.index("signup_date"), header.index("account_id")
    kept = []
    for row in accounts:
        signed_up = _day(row[signup], "%Y-%m-%d") or date.min
        if min(signed_up, traces.get(row[account], signed_up)) <= day:
            kept.append([*row[:signup], row[signup] if signed_up <= day else "", *row[signup + 1 :]])
    _write(goal / name, [header, *kept])


def together(*parts: Deliver) -> Deliver:
    """All of those."""

    def deliver(source: Path, goal: Path, day: date) -> None:
        for part in parts:
            part(source, goal, day)

    return deliver


def _known_by(
    rows: Iterable[list[str]], column: str, form: str, later: Mapping[str, Iterable[str]], day: date
) -> Iterator[list[str]]:
    header: list[str] | None = None
    for row in rows:
        if header is None:
            names = [name.removeprefix(_BYTE_ORDER_MARK) for name in row]
            header = names if column in names else None
            yield row
            continue
        happened = _day(row[header.index(column)], form)
        if happened is not None and happened > day:
            continue
        for when, what in later.items():
            known_from = _day(row[header.index(when)], form)
            if known_from is not None and known_from > day:
                for name in (when, *what):
                    row[header.index(name)] = ""
        yield row


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="latin-1", newline="") as file:
        yield from csv.reader(file)


def _write(path: Path, rows: Iterable[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="latin-1", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
