"""What lies behind an incident, read from the warehouse when somebody looks, and kept nowhere else.

Here protected KPIs have figures, too: whoever can open the warehouse can read them there anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb

from data_quality import warehouse
from data_quality.gate import baseline, candidates
from data_quality.gate.checks import frame as checks
from data_quality.gate.incidents import Failure, Incident
from data_quality.gate.keys import plan
from data_quality.ledger.store import Ledger
from metrics.core import clock, deployment
from metrics.definitions.catalog import Catalog, Key
from metrics.definitions.company import Company

_TOTAL = """
select obs_value, numerator, denominator, n_obs from candidate_rows
where kpi_id = ? and freq = ? and time_period = ? and segment = '_T' and member = '_T'
"""
# The members whose value changed most on the period before, of the segment in which most of the change lies in one.
_MEMBERS = """
with cells as (
    select segment, member, coalesce(obs_value, 0) as value, time_period = $code as is_now
    from candidate_rows
    where kpi_id = $kpi_id and freq = $freq and time_period in ($code, $before) and segment <> '_T'
),
changes as (
    select segment, member, sum(value) filter (is_now) as now, sum(value) filter (not is_now) as before,
        coalesce(now, 0) - coalesce(before, 0) as change
    from cells
    group by all
)
select segment, member, before, now
from changes
where change <> 0
order by max(abs(change)) over (partition by segment) / sum(abs(change)) over (partition by segment) desc, segment,
    abs(change) desc
limit 3
"""
_ROWS = """
select coalesce(sum(n_rows) filter (day between $first and $last), 0) as rows,
    sum(n_rows) filter (day >= $first - (8 * $n_days)::integer and day < $first) / 8 as usual_rows
from gate.feed_days
where feed = $feed
"""


@dataclass(frozen=True)
class Total:
    """The total of a period as it would be published, and what is behind it."""

    value: float | None
    numerator: float | None
    denominator: float | None
    n_obs: int | None


@dataclass(frozen=True)
class Member:
    """A member of a segment, its value in the incident's first period and in the period before."""

    segment: str
    member: str
    before: float | None
    now: float | None


@dataclass(frozen=True)
class FeedRows:
    """How many rows of a feed lie in the incident's days, and how many in as many days as a rule in the time before."""

    feed: str
    rows: int
    usual_rows: float | None


@dataclass(frozen=True)
class Evidence:
    """What the warehouse says of an incident: totals and findings by key, the members that changed most, and rows.

    `findings` are (check, what it found) for each failing check of a key, with figures.
    """

    totals: dict[Key, Total]
    findings: dict[Key, list[tuple[str, str]]]
    members: tuple[Member, ...]
    feeds: tuple[FeedRows, ...]


def gather(company: Company, catalog: Catalog, incident: Incident) -> Evidence:
    """The evidence on an incident. Raises NyckeltalError when the warehouse isn't there or isn't free."""
    with warehouse.connect() as connection:
        loaded = candidates.load(connection, catalog)
        totals = {}
        for one in incident.failures:
            row = connection.execute(_TOTAL, list(one.key)).fetchone()
            if row is not None:
                totals[one.key] = Total(*row)
        members = _members(connection, incident.lead)
        findings = _findings(connection, company, catalog, incident, loaded)
        feeds = tuple(_feed_rows(connection, incident))
    return Evidence(totals, findings, members, feeds)


def _findings(
    connection: duckdb.DuckDBPyConnection,
    company: Company,
    catalog: Catalog,
    incident: Incident,
    loaded: candidates.Loaded,
) -> dict[Key, list[tuple[str, str]]]:
    """What the failing checks find now, in words with figures; of a check that the gate doesn't make, what was told."""
    keys = {one.key for one in incident.failures}
    planned = [item for item in plan(catalog, incident.since, incident.until, keys) if item.key in keys]
    ledger = Ledger.find(deployment.ledger_path())
    in_baseline = baseline.find(planned, catalog, ledger, clock.today(company.time_zone))
    frame = checks.figures(connection, company, catalog, planned, in_baseline, loaded, ledger)
    row_of = {item.key: number for number, item in enumerate(planned)}
    found: dict[Key, list[tuple[str, str]]] = {}
    for one in incident.failures:
        told = []
        for check in one.checks:
            column = f"{check.check}__detail"
            detail = str(frame[column][row_of[one.key]]) if one.key in row_of and column in frame else ""
            told.append((check.check, detail or check.detail))
        found[one.key] = told
    return found


def _members(connection: duckdb.DuckDBPyConnection, lead: Failure) -> tuple[Member, ...]:
    """Nothing for values that aren't sums over their members."""
    if not lead.kpi.additive_segments:
        return ()
    kpi_id, freq, code = lead.key
    before = lead.period.shift(-1).code
    asked: dict[str, Any] = {"kpi_id": kpi_id, "freq": freq, "code": code, "before": before}
    return tuple(Member(*row) for row in connection.execute(_MEMBERS, asked).fetchall())


def _feed_rows(connection: duckdb.DuckDBPyConnection, incident: Incident) -> Sequence[FeedRows]:
    """Of the feeds at fault; where none is named, of those that the lead's KPI reads."""
    if not warehouse.has_table(connection, "gate", "feed_days"):
        return []
    named = dict.fromkeys(feed for one in incident.failures for feed in sorted(one.faulty_feeds))
    first, last = incident.since, min(incident.until, incident.since + timedelta(days=27))
    found = []
    for feed in named or incident.lead.kpi.feeds:
        asked = {"feed": feed, "first": first, "last": last, "n_days": (last - first).days + 1}
        row = connection.execute(_ROWS, asked).fetchone()
        if row is not None and (row[0] or row[1]):
            found.append(FeedRows(feed, row[0], row[1]))
    return found
