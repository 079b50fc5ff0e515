"""What the gate's checks know of feeds that come whole, as they stood when they were judged: the warehouse's tables
`gate.feed_states` and `gate.column_states`.

An export that changes with its whole past is like its own past on every day, and rows without a time have no days.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import duckdb

from metrics.quoting import identifier

TABLES = """
create table if not exists gate.feed_states (
    feed varchar not null,
    judged_at timestamptz not null,
    n_rows bigint not null,
    n_duplicates bigint not null
);
comment on table gate.feed_states is
'The feeds of which every delivery is the whole, as they stood when they were judged last in a week, or before a
decision: their rows, and those that equal another';
create table if not exists gate.column_states (
    feed varchar not null,
    column_name varchar not null,
    kind varchar not null,
    comes_with varchar,
    judged_at timestamptz not null,
    class varchar not null,
    n_rows double not null,
    total double
);
comment on table gate.column_states is
'Their columns'' rows by class of value, as gate.column_days has them by day';
"""
# A state on which a person decided stays as it was then.
_REPLACE = """
delete from gate.{table}
where list_contains($feeds, feed) and judged_at >= date_trunc('week', $now) and judged_at <= $now
    and (judged_at > (select coalesce(max(decided_at), '-infinity'::timestamptz) from releases) or judged_at = $now)
"""
_STATE = """
insert into gate.feed_states
select w.feed, $now, coalesce(sum(d.n_rows), 0), coalesce(sum(d.n_duplicates), 0)
from (select unnest($feeds::varchar[]) as feed) w left join gate.feed_days d using (feed)
group by w.feed
"""
_COLUMN_STATE = """
insert into gate.column_states
select feed, column_name, k.kind, k.comes_with, $now, class, sum(d.n_rows), sum(total)
from gate.column_days d join gate.feed_columns k using (feed, column_name)
where list_contains($feeds, feed)
group by all
"""
_STATES = """
create or replace temp table states as
from gate.feed_states where judged_at <= $now and list_contains($feeds, feed)
"""


def update(connection: duckdb.DuckDBPyConnection, feeds: Iterable[str], now: datetime) -> None:
    """Keep the state in which the whole ones among those feeds are, and put into the temporary table `states` theirs
    until now.

    A feed is whole when all its rows came in one file. Columns of `states`: feed, judged_at, n_rows, n_duplicates.
    Needs the statistics of `feed_statistics.py` and the temporary table `releases` of `checks/history.py`.
    """
    given = {"now": now, "feeds": [feed for feed in feeds if _is_whole(connection, feed)]}
    for table in ("feed_states", "column_states"):
        connection.execute(_REPLACE.format(table=table), given)
    for query in (_STATE, _COLUMN_STATE, _STATES):
        connection.execute(query, given)


def _is_whole(connection: duckdb.DuckDBPyConnection, feed: str) -> bool:
    (whole,) = connection.execute(
        f"select coalesce(min(_source_file) = max(_source_file), true) from raw.{identifier(feed)}"
    ).fetchall()[0]
    return bool(whole)
