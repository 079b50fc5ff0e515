"""An additive KPI, its release snapshots and a ledger in memory, so that many releases can be tried quickly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.gate.candidates import COLUMNS, Build, Candidate, Loaded
from data_quality.gate.checks.registry import NAMES
from data_quality.gate.keys import Planned
from data_quality.gate.verdict import CheckResult, Verdict, answer
from data_quality.ledger.schemas import OBSERVATIONS, VERDICTS
from data_quality.release import eligibility
from data_quality.release.eligibility import Eligibility
from data_quality.release.result import Held
from data_quality.release.snapshot import FeedState, ReleaseSnapshot
from metrics.core.periods import Period, periods_between
from metrics.definitions.catalog import Catalog, CatalogKpi, Key
from tests.warehouse_factory import CALENDAR, kpi

FIRST = date(2025, 1, 1)
TYPES = {"varchar": pa.string(), "date": pa.date32(), "double": pa.float64(), "bigint": pa.int64()}
CANDIDATES = pa.schema([(name, TYPES[kind]) for name, kind in COLUMNS.items()])
REVENUE = kpi(freqs=("M", "Q", "A"), observable_from=FIRST)
MONTHS = periods_between("M", FIRST, date(2026, 3, 31))
Values = dict[str, dict[str, float]]
"""The value of each member by month."""


@dataclass
class MemoryLedger:
    """The part of a ledger that eligibility reads, in memory."""

    observations: pa.Table = field(
        default_factory=lambda: OBSERVATIONS.append(pa.field("sequence", pa.int64())).empty_table()
    )
    verdicts: pa.Table = field(default_factory=lambda: VERDICTS.append(pa.field("sequence", pa.int64())).empty_table())
    decision_rows: list[dict[str, Any]] = field(default_factory=list)
    sequence: int = 0

    @property
    def newest(self) -> dict[str, Any] | None:
        """As of a ledger."""
        return self.observations.sort_by("sequence").to_pylist()[-1] if self.observations.num_rows else None

    def decisions(self) -> list[dict[str, Any]]:
        """The decisions, oldest first."""
        return self.decision_rows

    def first_releases(self, name: str, columns: Sequence[str]) -> pa.Table:
        """As of a ledger."""
        rows: pa.Table = getattr(self, name)
        return rows.group_by(list(columns)).aggregate([("sequence", "min")]).rename_columns([*columns, "sequence"])

    def observations_where(self, condition: str) -> pa.Table:
        """As of a ledger."""
        with duckdb.connect() as connection:
            connection.register("rows", self.observations)
            return connection.execute(f"from rows where {condition}").to_arrow_table()

    def decide(self, held: Held, decision: str = "release") -> None:
        """Record a decision on a held key that names its failing checks."""
        names = ("kpi_id", "freq", "time_period", "candidate_hash")
        key = {name: getattr(held, name) for name in names}
        fields = {"decision_id": f"d{len(self.decision_rows)}", "decision": decision, "reason": "so be it"}
        self.decision_rows.append({**key, **fields, "checks": list(held.checks)})

    def append(self, eligible: Eligibility, today: date) -> None:
        """Append a release of the eligible keys."""
        self.sequence += 1
        moment = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
        fields = {"release_id": str(self.sequence), "realtime_start": today, "published_at": moment}
        rows = [{**row, **fields, "sequence": self.sequence} for row in eligible.new.to_pylist()]
        self.observations = pa.concat_tables(
            [self.observations, pa.Table.from_pylist(rows, schema=self.observations.schema)]
        )

    def published(self) -> dict[tuple[str, str, str, str], dict[str, Any]]:
        """The newest vintage of each cell, by kpi_id, time_period, segment and member."""
        newest: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        for row in self.observations.to_pylist():
            newest[row["kpi_id"], row["time_period"], row["segment"], row["member"]] = row
        return newest

    def totals(self, kpi_id: str = "revenue", column: str = "obs_value") -> dict[str, float]:
        """The published totals by period."""
        return {
            period: row[column] for (row_kpi_id, period, segment, _), row in self.published().items()
            if (row_kpi_id, segment) == (kpi_id, "_T")
        }  # fmt: skip


def rows_of(entry: CatalogKpi, values: Values, period: Period, last: date) -> list[dict[str, Any]]:
    """The candidate's rows of a period: the total and the members by country, with sums to date."""
    key = {"kpi_id": entry.kpi_id, "freq": period.freq, "time_period": period.code, "batch_id": "batch"}
    key |= {"period_start": period.start, "period_end": period.end, "definition_hash": entry.definition_hash}
    rows = []
    members = sorted({member for month in values.values() for member in month})
    for segment, member in [("_T", "_T"), *(("country", member) for member in members)]:

        def total(first: date, *, place: str = member) -> float:
            months = [month for month in MONTHS if first <= month.start and month.end <= period.end]
            return sum(
                value for month in months for name, value in values.get(month.code, {}).items() if place in ("_T", name)
            )

        of_year = total(period.end.replace(month=1, day=1))
        lastly = Period("M", period.end.replace(day=1))
        to_date = period.freq in ("M", "Q")
        row = {"segment": segment, "member": member, "obs_value": total(period.start), "n_obs": 10}
        row["year_to_date"] = of_year if to_date else None
        row["rolling_12_months"] = total(lastly.shift(-11).start) if to_date and lastly >= MONTHS[11] else None
        rows.append({**key, **row})
    return rows


def snapshot_of(
    values: Values,
    today: date,
    entries: Collection[CatalogKpi] = (REVENUE,),
    *,
    failing: Collection[Key] = (),
    unjudged: Collection[Key] = (),
    other_values: dict[str, Values] | None = None,
) -> ReleaseSnapshot:
    """The release snapshot of a warehouse with these values on a day.

    A check holds the keys `failing`; the keys `unjudged` have no verdict. `other_values` are, by kpi_id, the values of
    KPIs that differ from `values`.
    """
    planned, candidates, verdicts, tables = {}, {}, {}, {}
    for entry in entries:
        table = []
        for freq in entry.freqs:
            for period in periods_between(freq, entry.observable_from or FIRST, today):
                if period.end >= today or not entry.observes(period):
                    continue
                planned_key = Planned(entry, period, True)
                rows = rows_of(entry, (other_values or {}).get(entry.kpi_id, values), period, today)
                hashed = str(hash(str(rows)))
                planned[planned_key.key], candidates[planned_key.key] = (
                    planned_key,
                    Candidate(hashed, "batch", entry.definition_hash),
                )
                table += rows
                if planned_key.key in unjudged:
                    continue
                checks = tuple(
                    CheckResult(
                        name,
                        "critical",
                        "fail" if name == "bounds" and planned_key.key in failing else "pass",
                        0,
                        0,
                        "",
                    )
                    for name in NAMES
                )
                verdicts[planned_key.key] = Verdict(
                    *planned_key.key, period.start, period.end, answer(checks, NAMES), checks, hashed,
                    entry.definition_hash, "batch", datetime(2025, 1, 1, tzinfo=UTC), False,
                )  # fmt: skip
        tables[entry.kpi_id] = pa.Table.from_pylist(table, schema=CANDIDATES)
    moment = datetime(today.year, today.month, today.day, 5, tzinfo=UTC)
    builds = {entry.kpi_id: Build("batch", moment, True, None) for entry in entries}
    feeds = {"orders": FeedState("orders", today, moment, None)}
    return ReleaseSnapshot(planned, Loaded(candidates, builds, {}), verdicts, tables, feeds)


def catalog_of(entries: Collection[CatalogKpi] = (REVENUE,)) -> Catalog:
    """A catalogue with these KPIs."""
    return Catalog(company="Test", reporting_currency="SEK", calendar=CALENDAR, objectives={}, kpis=tuple(entries))


def release(
    ledger: MemoryLedger, release_snapshot: ReleaseSnapshot, today: date, entries: Collection[CatalogKpi] = (REVENUE,)
) -> dict[Key, Held]:
    """Release the eligible keys; the held ones, by key."""
    eligible = eligibility.assess(release_snapshot, ledger, catalog_of(entries), today)  # type: ignore[arg-type]
    ledger.append(eligible, today)
    return {held.key: held for held in eligible.held}
