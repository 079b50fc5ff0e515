"""The evidence on an incident: read from the warehouse when somebody asks for it, and stored nowhere else.

It has figures of protected KPIs too: whoever can open the warehouse can read them there.
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
# The three members whose value changed most against the period before, of the segment in which one member has the
# largest share of the change.
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
    """The total of a period that would be published, and what it is computed from."""

    value: float | None
    numerator: float | None
    denominator: float | None
    n_obs: int | None


@dataclass(frozen=True)
class Member:
    """A member of a segment, with its value in the lead's period (`now`) and in the period before it."""

    segment: str
    member: str
    before: float | None
    now: float | None


@dataclass(frozen=True)
class FeedRows:
    """The number of rows of a feed in the incident's days, and the usual number: the mean of equal spans before."""

    feed: str
    rows: int
    usual_rows: float | None


@dataclass(frozen=True)
class Evidence:
    """Totals and findings by key, the members that changed most, and the row counts of feeds.

    `findings` holds (check name, detail with figures) for each failing check of a key.
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
        for failure in incident.failures:
            row = connection.execute(_TOTAL, list(failure.key)).fetchone()
            if row is not None:
                totals[failure.key] = Total(*row)
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
    """The details of the failing checks, computed again with figures.

    A check that isn't one of the gate's (`closed_period` and the like) keeps its stored detail.
    """
    keys = {failure.key for failure in incident.failures}
    planned = [
        planned_key for planned_key in plan(catalog, incident.since, incident.until, keys) if planned_key.key in keys
    ]
    ledger = Ledger.find(deployment.ledger_path())
    in_baseline = baseline.find(planned, catalog, ledger, clock.today(company.time_zone))
    frame = checks.figures(connection, company, catalog, planned, in_baseline, loaded, ledger)
    row_numbers = {planned_key.key: number for number, planned_key in enumerate(planned)}
    findings: dict[Key, list[tuple[str, str]]] = {}
    for failure in incident.failures:
        row_number = row_numbers.get(failure.key)
        details = findings[failure.key] = []
        for result in failure.checks:
            column = f"{result.check}__detail"
            detail = str(frame[column][row_number]) if row_number is not None and column in frame else ""
            details.append((result.check, detail or result.detail))
    return findings


def _members(connection: duckdb.DuckDBPyConnection, lead: Failure) -> tuple[Member, ...]:
    """The members of the lead's KPI that changed most; empty where its members don't add up."""
    if not lead.kpi.additive_segments:
        return ()
    kpi_id, freq, code = lead.key
    before = lead.period.shift(-1).code
    parameters: dict[str, Any] = {"kpi_id": kpi_id, "freq": freq, "code": code, "before": before}
    return tuple(Member(*row) for row in connection.execute(_MEMBERS, parameters).fetchall())


def _feed_rows(connection: duckdb.DuckDBPyConnection, incident: Incident) -> Sequence[FeedRows]:
    """The row counts of the faulty feeds; if no check names one, of the feeds that the lead's KPI reads.

    At most the first 28 days of the incident are counted.
    """
    if not warehouse.has_table(connection, "gate", "feed_days"):
        return []
    faulty = dict.fromkeys(feed for failure in incident.failures for feed in sorted(failure.faulty_feeds))
    first, last = incident.since, min(incident.until, incident.since + timedelta(days=27))
    feed_rows = []
    for feed in faulty or incident.lead.kpi.feeds:
        parameters = {"feed": feed, "first": first, "last": last, "n_days": (last - first).days + 1}
        row = connection.execute(_ROWS, parameters).fetchone()
        if row is not None and (row[0] or row[1]):
            feed_rows.append(FeedRows(feed, row[0], row[1]))
    return feed_rows
