"""A tiny warehouse with KPI tables, feeds, builds, catalogue and clock; for tests from the gate to publishing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import publishing
from data_quality.gate import judge
from data_quality.gate.candidates import COLUMNS
from data_quality.gate.verdict import Verdict
from data_quality.ledger.store import Ledger
from data_quality.release import decisions, release
from data_quality.release.decisions import Decided
from data_quality.release.result import Release
from metrics.core import deployment
from metrics.core.periods import Period, parse, periods_between
from metrics.definitions.calendar import Calendar
from metrics.definitions.catalog import Catalog, CatalogKpi, PersonCount
from metrics.definitions.company import Company
from metrics.definitions.feeds import Feed
from metrics.definitions.objectives import Objective
from metrics.definitions.roles import Roles
from publishing import duckdb_file

HISTORY_FROM = date(2024, 1, 1)
OBSERVABLE_FROM = date(2023, 1, 1)
# January 2026 closes on 10 February, February on 10 March.
CALENDAR = Calendar(time_zone="Europe/Stockholm", country="SE", closes_after={"default": 7})
OPEN_FOR_YEARS = CALENDAR.model_copy(update={"closes_after": {"default": 1000}})
"""A calendar in which no period has closed, so that no period is in the baseline and every check can hold."""
ROLES = Roles(decides={"finance": ("cfo@example.com", "controller"), "people": ("chro@example.com",)})
DDL = """
create schema raw;
create schema kpi;
create table kpi._builds (batch_id varchar, built_at timestamptz, kpi_id varchar, ok boolean, reason varchar);
create table raw._feeds (
    feed varchar, history_from date, grain varchar, watermark date, newest_event timestamp, newest_delivery timestamptz,
    files bigint, rows_total bigint, rows_rejected bigint, outstanding varchar, checked_at timestamptz,
    outstanding_from date
);
"""
# Every build is a second later than the one before.
BUILT = """
insert into kpi._builds
select ?, coalesce(max(built_at), timestamptz '2026-01-01 00:00:00+00') + interval 1 second, ?, ?, ? from kpi._builds
"""


def kpi(kpi_id: str = "revenue", **fields: Any) -> CatalogKpi:
    """A monthly additive KPI that reads the feed orders; `fields` replace its fields."""
    entry: dict[str, Any] = {
        "kpi_id": kpi_id,
        "name": kpi_id.title(),
        "description": "",
        "domain": "finance",
        "unit": "currency",
        "direction": "up",
        "kind": "flow",
        "standard": "",
        "additive_segments": True,
        "level": "key",
        "type": "lagging",
        "owner": "cfo@example.com",
        "objective": "growth",
        "target": 100.0,
        "target_freq": None,
        "target_note": "",
        "review": "quarterly",
        "freqs": ("M",),
        "segments": ("country",),
        "metric": kpi_id,
        "metric_type": "simple",
        "numerator_metric": None,
        "denominator_metric": None,
        "definition_version": 1,
        "definition_hash": "def1",
        "model": f"kpi_{kpi_id}",
        "feeds": ("orders",),
        "inputs": {"orders": ("amount", "country", "ordered_at")},
        "covers": (),
        "entities": ("orders",),
        "supplied": True,
        "missing_entities": (),
        "protected": False,
        "disclosure_threshold": 5,
        "nested_persons": False,
        "only_ratio": False,
        "person_counts": (PersonCount(role="numerator", group=kpi_id, stock=fields.get("kind") == "stock"),)
        if fields.get("protected")
        else (),
        "contributions": None,
        "lookback": None,
        "observable_from": OBSERVABLE_FROM,
        "matures_after": None,
        "breaks": (),
        "min_n_obs": 0,
        "lower_bound": 0.0,
        "upper_bound": None,
        "gate": {},
    }
    return CatalogKpi(**{**entry, **fields})


def orders_feed(**columns: str) -> Feed:
    """The feed orders since 2025, with these columns and types; its time column is ordered_at."""
    return Feed.model_validate(
        {
            "name": "orders",
            "system": "shop",
            "file": "shop.yml",
            "line": 1,
            "description": "",
            "path": "orders/*.csv",
            "format": "csv",
            "columns": {"ordered_at": "timestamp", **columns},
            "time_column": "ordered_at",
            "history_from": "2025-01-01",
        }
    )


def cells(total: float, **members: float) -> list[dict[str, Any]]:
    """The rows of one period: the total, and the members by country."""
    rows = [{"segment": "_T", "member": "_T", "obs_value": total, "n_obs": 1_000_000}]
    return rows + cells_of("country", members)


def cells_of(segment: str, members: Mapping[str, float]) -> list[dict[str, Any]]:
    """The rows of a segment's members in one period."""
    return [{"segment": segment, "member": m, "obs_value": v, "n_obs": 500_000} for m, v in members.items()]


@dataclass
class Warehouse:
    """The warehouse of a test; every method opens the file and closes it."""

    path: Path
    monkeypatch: pytest.MonkeyPatch
    kpis: list[CatalogKpi] = field(default_factory=list)
    batch: str = "batch1"
    feeds: dict[str, Feed] = field(default_factory=dict)
    calendar: Calendar = CALENDAR
    unrendered: bool = False

    @property
    def company(self) -> Company:
        """A company with this calendar."""
        objectives = {"growth": Objective(name="Growth", perspective="financial")}
        return Company(self.path.parent, "Test", "SEK", self.calendar, objectives, self.feeds, ROLES)

    @property
    def catalog(self) -> Catalog:
        """The catalogue of the KPIs that were added."""
        return Catalog(
            company="Test",
            reporting_currency="SEK",
            calendar=self.calendar,
            objectives=self.company.objectives,
            kpis=tuple(self.kpis),
        )

    def now(self, moment: str) -> None:
        """Set the clock (ISO; UTC)."""
        self.monkeypatch.setenv("NYCKELTAL_NOW", datetime.fromisoformat(moment).replace(tzinfo=UTC).isoformat())

    def sql(self, query: str, *parameters: Any) -> list[Any]:
        """Run a query."""
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("set TimeZone = 'UTC'")
            return connection.execute(query, list(parameters)).fetchall()

    def feed(self, name: str, **fields: Any) -> None:
        """Set the state of a feed in raw._feeds; `fields` replace its columns."""
        row = {
            "feed": name,
            "history_from": HISTORY_FROM,
            "grain": "day",
            "watermark": date(2026, 12, 31),
            "newest_delivery": datetime(2026, 1, 1, tzinfo=UTC),
            **fields,
        }
        self.sql("delete from raw._feeds where feed = ?", name)
        marks = ", ".join("?" * len(row))
        self.sql(f"insert into raw._feeds ({', '.join(row)}) values ({marks})", *row.values())

    def add(self, entry: CatalogKpi, values: dict[str, list[dict[str, Any]]] | None = None) -> None:
        """Add or replace a KPI and its table (rows by period code), and record its build in the current batch."""
        self.kpis = [*(other_kpi for other_kpi in self.kpis if other_kpi.kpi_id != entry.kpi_id), entry]
        rows = []
        for code, members in (values or {}).items():
            period = parse(code)
            for member in members:
                row = {
                    "kpi_id": entry.kpi_id,
                    "freq": period.freq,
                    "time_period": code,
                    "period_start": period.start,
                    "period_end": period.end,
                    "definition_hash": entry.definition_hash,
                    "batch_id": self.batch,
                    **member,
                }
                rows.append([row.get(name) for name in COLUMNS])
        columns = ", ".join(f"{name} {sql_type}" for name, sql_type in COLUMNS.items())
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("begin")
            connection.execute(f"create or replace table kpi.{entry.model} ({columns})")
            if rows:
                connection.executemany(f"insert into kpi.{entry.model} values ({', '.join('?' * len(COLUMNS))})", rows)
            connection.execute(BUILT, [self.batch, entry.kpi_id, True, None])
            connection.execute("commit")

    def built(self, kpi_id: str, ok: bool = True, reason: str | None = None) -> None:
        """Record a build of the KPI in the current batch."""
        self.sql(BUILT, self.batch, kpi_id, ok, reason)

    def judge(self, first: str, last: str) -> dict[tuple[str, str], Verdict]:
        """The verdicts of the periods that end in [first, last], by KPI and period code."""
        verdicts = judge.judge(self.company, self.catalog, date.fromisoformat(first), date.fromisoformat(last))
        return {(verdict.kpi_id, verdict.time_period): verdict for verdict in verdicts}

    def publish(self, first: str, last: str) -> Release:
        """Publish the periods that end in [first, last], and render all that people read."""
        published = self.release(first, last)
        self.render()
        return published

    def release(self, first: str, last: str) -> Release:
        """The same, but nothing is rendered before `published` is asked, as rendering takes half of the time."""
        self.unrendered = True
        return release.publish(self.company, self.catalog, date.fromisoformat(first), date.fromisoformat(last))

    def render(self) -> None:
        """Render all that people read."""
        publishing.publish()
        self.unrendered = False

    def decide(self, decision: Any, kpi_id: str, *periods: str, **reason_and_name: Any) -> Decided:
        """What `kpi release`, `reject` and `review` do; as `release`, it renders nothing."""
        if decision == "review":
            reason_and_name = {"outcome": "keep", **reason_and_name}
        self.unrendered = True
        return decisions.decide(self.company, self.catalog, decision, kpi_id, *periods, **reason_and_name)

    def settle(self, decision: Any, incident_id: str, **options: Any) -> Decided:
        """The same of an incident."""
        self.unrendered = True
        return decisions.decide_incident(self.company, self.catalog, decision, incident_id, **options)

    def published(self, query: str) -> list[Any]:
        """Query the published DuckDB file, which is rendered first, without pages and exports, where it has to be."""
        if self.unrendered and (ledger := Ledger.find(deployment.ledger_path())):
            duckdb_file.publish(ledger)
            self.unrendered = False
        with duckdb.connect(str(self.path.parent / "published" / "published.duckdb"), read_only=True) as connection:
            return connection.execute(query).fetchall()


def make(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """An empty warehouse in a data folder of its own, with the feed orders, on 2026-03-05."""
    point_at(folder, monkeypatch)
    warehouse = Warehouse(folder / "warehouse.duckdb", monkeypatch)
    warehouse.sql(DDL)
    warehouse.feed("orders")
    return warehouse


def copy(template: Warehouse, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A copy of the template's whole data folder, which is faster than to make, judge and publish again."""
    shutil.copytree(template.path.parent, folder, dirs_exist_ok=True)
    point_at(folder, monkeypatch)
    state = (list(template.kpis), template.batch, template.feeds, template.calendar, template.unrendered)
    return Warehouse(folder / "warehouse.duckdb", monkeypatch, *state)


def point_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NYCKELTAL_LEDGER", "NYCKELTAL_PSEUDONYM_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NYCKELTAL_DATA_DIR", str(folder))
    monkeypatch.setenv("NYCKELTAL_NOW", "2026-03-05T06:00:00+00:00")


def failing(verdict: Verdict) -> set[str]:
    """The names of the checks that failed."""
    return {result.check for result in verdict.failing}


def levels(verdict: Verdict) -> dict[str, str]:
    """The checks that failed, and whether each holds or flags."""
    return {result.check: "hold" if result.severity == "critical" else "flag" for result in verdict.failing}


def months(first: str, last: str, value: Callable[[int], float]) -> dict[str, list[dict[str, Any]]]:
    """Rows for every month of [first, last]: total and two countries, from a function of the month's number."""
    periods: list[Period] = periods_between("M", parse(first).start, parse(last).end)
    return {p.code: cells(value(n), SE=value(n) * 0.75, NO=value(n) * 0.25) for n, p in enumerate(periods)}
