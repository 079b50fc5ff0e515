"""True events in the sample company: what the gate holds for them, and how many decisions settle it.

The company's history until October was published in a first run. In November a real event happens. Somebody looks at
the incidents that hold more than they do without the event, and releases each: as a new level if the event lasts.
December is judged, too: what was released as a new level should need no further decision. `python -m
benchmarks.reality.events --event price_rise` tries only some events, and prints the result.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.faults import world
from benchmarks.faults.files import Files, Span
from benchmarks.faults.kinds.kind import scaled, some
from benchmarks.reality import run
from benchmarks.reality.companies import COMPANIES, REAL_FILES, Lived
from data_quality.gate.incidents import Incident
from data_quality.release.pending import open_incidents
from metrics.core.deployment import PROJECT
from metrics.core.periods import Period, parse
from metrics.definitions.catalog import Key
from metrics.definitions.company import Company

RESULTS = PROJECT / "benchmarks" / "results" / "events.json"
MONTH = parse("2025-11")
_FIRST = MONTH.start
_ON = _FIRST + timedelta(days=9)
"""The day on which it happens, or from which on it is so."""
_VISITS = ("sessions", "engaged_sessions", "page_views", "conversions")
_COSTS = {
    "google_ads": ("impr", "clicks", "cost_micros"),
    "meta_ads": ("impressions", "link_clicks", "spend"),
    "linkedin_ads": ("impressions", "clicks", "total_spent"),
}


@dataclass(frozen=True)
class Event:
    """What happens, whether it stays so, and how many decisions it may take at most."""

    name: str
    description: str
    happen: Callable[[Files], None]
    stays: bool
    goal: int


EVENTS: dict[str, Event] = {}


def event(*, stays: bool, goal: int) -> Callable[[Callable[[Files], None]], Callable[[Files], None]]:
    """Registers a function, that alters the files of November and after it, as an event with its name."""

    def register(happen: Callable[[Files], None]) -> Callable[[Files], None]:
        name = happen.__name__
        EVENTS[name] = Event(name, (happen.__doc__ or "").strip(), happen, stays, goal)
        return happen

    return register


@event(stays=False, goal=0)
def nothing(files: Files) -> None:
    """Nothing happens."""


@event(stays=True, goal=4)
def new_country(files: Files) -> None:
    """A shop opens in the Netherlands, and gets 8 % of the orders."""
    _more_orders(files, 0.08, _since(files), country="NL")

    def visited(rows: pd.DataFrame) -> pd.DataFrame:
        there = rows[rows["country"] == rows["country"].min()].assign(country="NL")
        return pd.concat([rows, _scaled(there, _VISITS, 0.3)])

    files.edit("sessions", visited, _since(files))


@event(stays=False, goal=2)
def campaign(files: Files) -> None:
    """Change the files so that orders, visits and advertising are 60 % higher for four weeks, as by a campaign."""
    weeks = Span(_FIRST + timedelta(days=2), _FIRST + timedelta(days=29))
    _more_orders(files, 0.6, weeks)
    _more_advertising(files, 1.6, weeks)
    files.edit("sessions", lambda rows: _scaled(rows, _VISITS, 1.6), weeks)


@event(stays=True, goal=2)
def department_closed(files: Files) -> None:
    """A department is closed: all its employees leave."""
    files.edit_whole("employees", lambda rows: _left(rows, _works_in_smallest(rows)))


@event(stays=True, goal=2)
def reorganisation(files: Files) -> None:
    """A department gets another name, from a day on: everybody in it a new spell."""

    def renamed(rows: pd.DataFrame) -> pd.DataFrame:
        moving = _works_in_smallest(rows)
        begun = rows[moving].assign(valid_from=pd.Timestamp(_ON), department="Operations and Facilities")
        ended = rows["valid_to"].mask(moving, pd.Timestamp(_ON - timedelta(days=1)))
        return pd.concat([rows.assign(valid_to=ended), begun])

    files.edit_whole("employees", renamed)


@event(stays=True, goal=2)
def more_advertising(files: Files) -> None:
    """From a day on 40 % more is spent on advertising."""
    _more_advertising(files, 1.4, _since(files))


@event(stays=True, goal=2)
def price_rise(files: Files) -> None:
    """All prices rise by 8 %."""

    def dearer(rows: pd.DataFrame) -> pd.DataFrame:
        factor = (rows["line_type"] == "sale").map({True: 1.08, False: 1.0})
        return scaled(rows, "net_amount", factor)

    files.edit("order_lines", dearer, _since(files, _FIRST))


@event(stays=False, goal=1)
def large_order(files: Files) -> None:
    """Somebody orders for as much as a usual month brings in."""
    lines = pd.concat([files.read("order_lines", path) for path in files.with_days("order_lines", files.earlier(1))])
    usual = float(lines.loc[(lines["line_type"] == "sale") & (lines["currency"] == "SEK"), "net_amount"].sum())

    noon, keys = f"{_ON} 12:00:00", {"order_id": "BIG1", "order_line_id": "BIG1-1"}

    def ordered(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([rows, rows.head(1).assign(order_id="BIG1", ordered_at=noon)])

    def booked(rows: pd.DataFrame) -> pd.DataFrame:
        line = rows[(rows["line_type"] == "sale") & (rows["currency"] == "SEK")].head(1)
        return pd.concat([rows, line.assign(net_amount=2 * usual, booked_at=noon, **keys)])

    files.edit("orders", ordered, Span(_ON, _ON))
    files.edit("order_lines", booked, Span(_ON, _ON))


@event(stays=False, goal=2)
def recall(files: Files) -> None:
    """A product is recalled: ten times the usual returns of it, for two weeks."""
    sold = [files.read("order_lines", path) for path in files.with_days("order_lines", files.earlier(1))]
    lines = pd.concat(sold)
    sales = lines[lines["line_type"] == "sale"]
    product = sales["product_id"].value_counts().index[0]
    returned = sales[(sales["product_id"] == product) & some(files, sales, 0.6)]
    days = [_ON + timedelta(days=day) for day in range(14)]
    for number, day in enumerate(days):
        back = returned.iloc[number :: len(days)]
        back = back.assign(
            order_line_id=_new_ids(back["order_line_id"].astype(str)),
            line_type="return",
            booked_at=f"{day} 10:00:00",
            quantity=-back["quantity"],
            net_amount=-back["net_amount"],
        )
        files.edit("order_lines", partial(_with, more=back), Span(day, day))


def _since(files: Files, first: date = _ON) -> Span:
    return Span(first, files.now.date())


def _more_orders(files: Files, share: float, days: Span, **changed: str) -> None:
    """So many more orders, each like one of the same day, with its lines and its delivery; half of new customers."""
    chosen: set[str] = set()

    def ordered(rows: pd.DataFrame) -> pd.DataFrame:
        more = rows[some(files, rows, share)]
        chosen.update(more["order_id"])
        new = more["customer_id"].where(files.rng.random(len(more)) < 0.5, _new_ids(more["customer_id"], 0))
        when = _seconds_later(more["ordered_at"])
        ids = _new_ids(more["order_id"])
        return pd.concat([rows, more.assign(order_id=ids, ordered_at=when, customer_id=new, **changed)])

    files.edit("orders", ordered, days)
    for feed in ("order_lines", "deliveries"):

        def more(rows: pd.DataFrame) -> pd.DataFrame:
            copies = rows[rows["order_id"].isin(chosen)]
            keys = [name for name in ("order_id", "order_line_id") if name in rows]
            copies = copies.assign(**{name: _new_ids(copies[name]) for name in keys})
            if "net_amount" in rows:  # nobody buys quite the same
                copies = scaled(copies, "net_amount", pd.Series(files.rng.uniform(0.8, 1.2, len(copies)), copies.index))
            else:
                copies = copies.assign(delivered_at=_seconds_later(copies["delivered_at"]))
            return pd.concat([rows, copies])

        files.edit(feed, more, _since(files, days.first))

    def registered(rows: pd.DataFrame) -> pd.DataFrame:
        ids, email = _new_ids(rows["customer_id"].astype(str), 0), "new." + rows["email"]
        copies = rows.assign(customer_id=ids, email=email, **changed)
        return pd.concat([rows, copies[copies["country"].notna()]])

    files.edit_whole("customers", registered)


def _new_ids(ids: pd.Series, place: int = 4) -> pd.Series:
    """Ids of the same form that nobody has: with a nine at a place where none is, after an order's year and month."""
    return ids.str.slice_replace(place, place + 1, "9").where(ids != "", "")


def _seconds_later(moments: pd.Series) -> pd.Series:
    later: pd.Series = (pd.to_datetime(moments) + timedelta(seconds=7)).dt.strftime("%Y-%m-%d %H:%M:%S")
    return later


def _more_advertising(files: Files, factor: float, days: Span) -> None:
    for feed, measures in _COSTS.items():
        files.edit(feed, partial(_scaled, measures=measures, factor=factor), days)


def _with(rows: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, more])


def _scaled(rows: pd.DataFrame, measures: Sequence[str], factor: float) -> pd.DataFrame:
    for measure in measures:
        rows = scaled(rows, measure, factor)
    return rows


def _works_in_smallest(rows: pd.DataFrame) -> pd.Series:
    """Marks the spells that last on the day, of the smallest department."""
    ends = pd.to_datetime(rows["valid_to"])
    lasts = (pd.to_datetime(rows["valid_from"]) < pd.Timestamp(_ON)) & (ends.isna() | (ends >= pd.Timestamp(_ON)))
    smallest: pd.Series = lasts & (rows["department"] == rows.loc[lasts, "department"].value_counts().index[-1])
    return smallest


def _left(rows: pd.DataFrame, leaving: pd.Series) -> pd.DataFrame:
    return rows.assign(
        valid_to=rows["valid_to"].mask(leaving, pd.Timestamp(_ON)),
        leave_reason=rows["leave_reason"].mask(leaving, "Redundancy"),
    )


def tried(chosen: Sequence[Event], folder: Path) -> list[dict[str, Any]]:
    """What each event takes: a row for each, as the results have it."""
    company = next(lived for lived in COMPANIES if lived.name == "sample_company")
    with run.moment(company, folder / "before", MONTH.shift(-1)) as project:
        run.published_run(project, MONTH.shift(-1))
        for incident in open_incidents(project.company, project.catalog):
            if incident.is_held:
                run.released(project, incident)
    delivered = {month: folder / month.code for month in (MONTH, MONTH.next())}
    for month, there in delivered.items():
        company.deliver(REAL_FILES, there, _judged_on(month) - timedelta(days=1))
    usual: dict[Period, set[Key]] = {month: set() for month in delivered}
    _lived(EVENTS["nothing"], company, delivered, folder, usual)
    return [_lived(happening, company, delivered, folder, usual) for happening in chosen]


def _lived(
    event: Event, company: Lived, delivered: Mapping[Period, Path], folder: Path, usual: dict[Period, set[Key]]
) -> dict[str, Any]:
    """What an event takes. `usual` are the keys held where nothing happens; of that event they are put into it."""
    data = folder / event.name
    world.copy_data(folder / "before" / "data", data / "data")
    decided: dict[Period, int] = dict.fromkeys(delivered, 0)
    reported: list[dict[str, Any]] = []
    for month, files in delivered.items():
        with run.moment(replace(company, deliver=_happening(event, files, company)), data, month) as project:
            run.published_run(project, month)
            known = usual[month] if event.name == "nothing" else set(usual[month])
            while news := _news(project, known):
                incident = news[0]
                known |= {failure.key for failure in incident.held}
                if event.name == "nothing":
                    continue
                about = {"id": incident.incident_id, "title": incident.title, "held": len(incident.held)}
                reported.append({"month": month.code, **about})
                decided[month] += run.released(project, incident, as_new_level=event.stays)
    shutil.rmtree(data)
    return {
        "event": event.name,
        "description": event.description,
        "goal": event.goal,
        "decisions": decided[MONTH],
        "decisions_next_month": decided[MONTH.next()],
        "incidents": reported,
    }


def _news(project: world.Project, usual: set[Key]) -> list[Incident]:
    """The incidents that hold more than what is held where nothing happens."""
    incidents = open_incidents(project.company, project.catalog)
    return [incident for incident in incidents if {failure.key for failure in incident.held} - usual]


def _judged_on(month: Period) -> date:
    return month.end + timedelta(days=run.RUN_ON_DAY_AFTER)


def _happening(event: Event, delivered: Path, company: Lived) -> Callable[[Path, Path, date], None]:
    """Delivers the month's files, in which the event has happened."""

    def deliver(_: Path, goal: Path, day: date) -> None:
        shutil.rmtree(goal, ignore_errors=True)
        now = datetime.combine(day + timedelta(days=1), time(12), UTC)
        world.link_sources(delivered, goal, now)
        event.happen(Files(goal, Company.load(company.folder), MONTH, now))

    return deliver


def show(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """The results as a table, and what the incidents said."""
    table = Table("event", "decisions", "goal", "next month", "incidents")
    for row in rows:
        reported = "\n".join(
            f"{incident['id']}: {incident['title']} ({incident['held']} held)" for incident in row["incidents"]
        )
        table.add_row(row["event"], str(row["decisions"]), str(row["goal"]), str(row["decisions_next_month"]), reported)
    console.print(table)


def main() -> None:
    """Try the events that the arguments ask for, print, and write the results when that is all of them."""
    parser = argparse.ArgumentParser(description="True events in the sample company, and the decisions they take.")
    parser.add_argument("--event", action="append", choices=sorted(EVENTS), metavar="EVENT")
    given = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        rows = tried([EVENTS[name] for name in given.event or EVENTS], Path(folder))
    show(Console(width=120), rows)
    if not given.event:
        RESULTS.write_text(json.dumps({"events": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
