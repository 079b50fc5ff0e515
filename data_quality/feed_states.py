"""What the gate's checks know of feeds that come whole, as they stood in each week: the warehouse's tables
`gate.feed_states` and `gate.column_states`.

An export that changes with its whole past is like its own past on every day, and rows without a time have no days.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import duckdb

from data_quality.column_statistics import quoted

TABLES = """
create table if not exists gate.feed_states (
    feed varchar not null,
    week date not null,
    n_rows bigint not null,
    n_duplicates bigint not null
);
comment on table gate.feed_states is
'The feeds of which every delivery is the whole, as they stood when they were judged last in the week that begins on
that day: their rows, and those that equal another';
create table if not exists gate.column_states (
    feed varchar not null,
    column_name varchar not null,
    kind varchar not null,
    comes_with varchar,
    week date not null,
    class varchar not null,
    n_rows double not null,
    total double
);
comment on table gate.column_states is
'Their columns'' rows by class of value, as gate.column_days has them by day';
"""
_STATE = """
insert into gate.feed_states
select w.feed, $week, coalesce(sum(d.n_rows), 0), coalesce(sum(d.n_duplicates), 0)
from (select unnest($feeds::varchar[]) as feed) w left join gate.feed_days d using (feed)
group by w.feed
"""
_COLUMN_STATE = """
insert into gate.column_states
select feed, column_name, k.kind, k.comes_with, $week, class, sum(d.n_rows), sum(total)
from gate.column_days d join gate.feed_columns k using (feed, column_name)
where list_contains($feeds, feed)
group by all
"""


# Of what is older no state is held against any more.
_KEPT = 2 * 371


def update(connection: duckdb.DuckDBPyConnection, feeds: Iterable[str], today: date) -> None:
    """Keep the state in which the whole ones among those feeds are today, and put into the temporary table `states`
    theirs of this week and before.

    A feed is whole when all its rows came in one file. Columns of `states`: feed, week (its Monday), n_rows,
    n_duplicates. Needs the statistics of `feed_statistics.py`.
    """
    week = today - timedelta(days=today.weekday())
    whole = [feed for feed in feeds if _is_whole(connection, feed)]
    for table in ("feed_states", "column_states"):
        connection.execute(
            f"delete from gate.{table} where week = $week and list_contains($feeds, feed) or week < $week - {_KEPT}",
            {"week": week, "feeds": whole},
        )
    connection.execute(_STATE, {"week": week, "feeds": whole})
    connection.execute(_COLUMN_STATE, {"week": week, "feeds": whole})
    connection.execute(
        "create or replace temp table states as"
        " from gate.feed_states where week <= $week and list_contains($feeds, feed)",
        {"week": week, "feeds": whole},
    )


def _is_whole(connection: duckdb.DuckDBPyConnection, feed: str) -> bool:
    (whole,) = connection.execute(
        f"select coalesce(min(_source_file) = max(_source_file), true) from raw.{quoted(feed)}"
    ).fetchall()[0]
    return bool(whole)
