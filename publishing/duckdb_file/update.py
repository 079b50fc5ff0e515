"""Brings a copy of the published file up to the ledger's newest release: only the rows that new releases change.

The result has the same rows as a file that is rendered whole, but added and replaced rows are last in their table.
`rendering.py` says whether a file can be brought up to date this way.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

import duckdb

from data_quality.ledger.store import Ledger
from metrics.core.errors import NyckeltalError
from metrics.core.quoting import literal
from metrics.definitions.catalog import Catalog
from publishing.duckdb_file import incidents, relations, strategy, tables

_KEY = "kpi_id, freq, time_period"
_CELL = f"{_KEY}, segment, member"
# A vintage ends on the day before the next one begins.
_CLOSE_REPLACED = f"""
update kpi.vintages v set realtime_end = n.realtime_start - 1
from (
    select {_CELL}, min_by(realtime_start, sequence) as realtime_start from ledger_observations group by {_CELL}
) n
where v.realtime_end = date '9999-12-31' and v.kpi_id = n.kpi_id and v.freq = n.freq
    and v.time_period = n.time_period and v.segment = n.segment and v.member = n.member
"""
# The value before a new vintage may be of an earlier release than the new ones.
_NAME_REVISED = f"""
update kpi.vintages v set revised_from = n.value_before
from (
    select {_CELL}, sequence, lag(obs_value) over (partition by {_CELL} order by sequence) as value_before
    from kpi.vintages semi join ledger_observations using ({_CELL})
) n
where v.revision_type is not null and v.sequence = n.sequence and v.kpi_id = n.kpi_id and v.freq = n.freq
    and v.time_period = n.time_period and v.segment = n.segment and v.member = n.member
"""
# The cells with a new vintage, those that are compared with them (of the next period and of the next year), and those
# whose period has closed.
_RENEWED = f"""
create temp table renewed as
with changed as (
    select distinct {_CELL}, period_end + 1 as next_start,
        (left(time_period, 4)::integer + 1)::varchar || substr(time_period, 5) as next_year
    from ledger_observations
),
latest as (
    select {_CELL}, period_start from kpi.vintages where realtime_end = date '9999-12-31'
)
select {_CELL} from changed
union
select l.kpi_id, l.freq, l.time_period, l.segment, l.member
from latest l join changed c on l.kpi_id = c.kpi_id and l.freq = c.freq and l.segment = c.segment
    and l.member = c.member and l.period_start = c.next_start
union
select kpi_id, freq, next_year, segment, member from changed
union
select {_CELL} from kpi.observations where provisional_until is not null and ({_KEY}) in (
    select ({_KEY}) from kpi.calendar where state = 'closed'
)
"""
_RENEWED_ROWS = f"(from latest semi join renewed using ({_CELL}))"
_FIRST_RENEWED = f"select min(period_start) from kpi.vintages semi join renewed using ({_CELL})"
_COMPARED_WITH = timedelta(days=2 * 366)  # an observation is compared with the period a year before
_MARK_NEWEST = """
update kpi.observations o set is_newest = not o.is_newest
from (
    select kpi_id, freq, max(period_start) filter (segment = '_T' and obs_status not in ('O', 'M')) as period_start
    from kpi.observations semi join ledger_observations using (kpi_id, freq)
    group by all
) n
where o.kpi_id = n.kpi_id and o.freq = n.freq
    and o.is_newest is distinct from coalesce(o.period_start = n.period_start, false)
"""
# The keys with a new verdict or a new decision, and those with a warning that a new decision may acknowledge.
_JUDGED = f"""
create temp table judged_anew as
select {_KEY} from new_verdicts
union
select {_KEY} from ledger_decisions where sequence > $after and time_period is not null
union
select {_KEY} from kpi.verdicts semi join (
    from ledger_decisions where sequence > $after and decision = 'acknowledge'
) using (kpi_id, freq)
"""
_FIRST = "select kpi_id, freq, min(period_start) from kpi.vintages group by all"
_OPEN = "from kpi.calendar where state = 'open'"


def update(connection: duckdb.DuckDBPyConnection, ledger: Ledger, catalog: Catalog, after: int) -> None:
    """Bring the tables of schema `kpi` from release `after` up to the ledger's newest release.

    `catalog` must be that of both releases. Run it within a transaction.
    Raises NyckeltalError when the ledger doesn't have as many new rows as its releases state.
    """
    assert ledger.newest is not None
    new = [row for row in ledger.releases if row["sequence"] > after]
    condition = f"rows.release_id in ({', '.join(literal(row['release_id']) for row in new)})"
    observations = ledger.observations_where(condition)
    verdicts = ledger.verdicts_where(condition)
    expected = tuple(sum(row[name] for row in new) for name in ("n_observations", "n_verdicts"))
    if (observations.num_rows, verdicts.num_rows) != expected:
        found = f"{observations.num_rows} observations, {verdicts.num_rows} verdicts"
        raise NyckeltalError("the new releases haven't the rows that they state", file=ledger.root, found=found)
    sources = {
        "ledger_releases": relations.releases(ledger),
        "ledger_observations": observations,
        "ledger_decisions": relations.decisions(ledger),
    }
    first_before = _first(connection)
    for name, rows in sources.items():
        connection.register(name, rows)
    connection.execute(_CLOSE_REPLACED)
    connection.execute(f"insert into kpi.vintages {tables.VINTAGES}")
    connection.execute(_NAME_REVISED)
    _update_calendar(connection, catalog, ledger.newest["realtime_start"], first_before)
    connection.execute(_RENEWED)
    _delete(connection, "observations", "renewed", _CELL)
    (first_renewed,) = connection.execute(_FIRST_RENEWED).fetchone() or (None,)
    since = max(first_renewed or date.max, date.min + _COMPARED_WITH) - _COMPARED_WITH
    connection.execute(f"insert into kpi.observations {tables.OBSERVATIONS_OF.format(rows=_RENEWED_ROWS, since=since)}")
    connection.execute(_MARK_NEWEST)
    _update_verdicts(connection, ledger, verdicts, after)
    connection.execute(f"insert into kpi.releases from ({tables.RELEASES}) where sequence > ?", [after])
    _fill_again(connection, "decisions")
    rows = incidents.rows(connection, catalog, sources["ledger_decisions"].to_pylist(), relations.deciders(ledger))
    relations.fill(connection, "incidents", rows, incidents.SCHEMA)
    relations.fill(connection, "feeds", relations.feeds(ledger), relations.FEEDS)
    for name in tables.TABLES:  # in their order: the scorecard reads what is usual
        if name not in ("vintages", "observations", "verdicts", "releases", "decisions", "calendar"):
            _fill_again(connection, name)
    strategy.fill(connection, catalog, ledger.newest["realtime_start"])
    for name in sources:
        connection.unregister(name)


def _update_verdicts(connection: duckdb.DuckDBPyConnection, ledger: Ledger, new: Any, after: int) -> None:
    connection.register("new_verdicts", new)
    connection.execute(_JUDGED, {"after": after})
    connection.unregister("new_verdicts")
    keys = connection.execute("from judged_anew").fetchall()
    if not keys:
        return
    kpi_ids, _, codes = (_texts(column) for column in zip(*keys, strict=True))
    verdicts = ledger.verdicts_where(f"rows.kpi_id in ({kpi_ids}) and rows.time_period in ({codes})")
    connection.register("their_verdicts", relations.with_days(verdicts))
    connection.execute(f"create temp table ledger_verdicts as from their_verdicts semi join judged_anew using ({_KEY})")
    connection.unregister("their_verdicts")
    _delete(connection, "verdicts", "judged_anew", _KEY)
    connection.execute(f"insert into kpi.verdicts {tables.VERDICTS}")


def _update_calendar(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, day: date, first_before: dict[tuple[str, str], date]
) -> None:
    """Renew the rows of open periods and add new ones. If an earlier period was published, renew all rows."""
    first = _first(connection)
    if first == first_before:
        opened = dict(connection.execute(f"select freq, min(period_start) from ({_OPEN}) group by freq").fetchall())
        first = {(kpi_id, freq): max(start, opened.get(freq, start)) for (kpi_id, freq), start in first.items()}
        connection.execute(f"delete {_OPEN}")
    else:
        connection.execute("delete from kpi.calendar")
    connection.register("release_dates", tables.release_dates(catalog, first, day))
    known = "anti join kpi.calendar using (kpi_id, freq, time_period)"
    connection.execute(f"insert into kpi.calendar from ({tables.CALENDAR}) {known}")
    connection.unregister("release_dates")


def _first(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], date]:
    """The first day of the earliest published period, by (kpi_id, freq)."""
    return {(kpi_id, freq): start for kpi_id, freq, start in connection.execute(_FIRST).fetchall()}


def _fill_again(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    connection.execute(f"delete from kpi.{name}")
    connection.execute(f"insert into kpi.{name} {tables.TABLES[name]}")


def _delete(connection: duckdb.DuckDBPyConnection, table: str, keys: str, columns: str) -> None:
    """Delete the rows of the table whose `columns` are in the relation `keys`."""
    same = " and ".join(f"t.{name} = k.{name}" for name in columns.split(", "))
    connection.execute(f"delete from kpi.{table} t using {keys} k where {same}")


def _texts(values: Collection[str]) -> str:
    return ", ".join(sorted({literal(value) for value in values}))
