"""What the gate's checks know of every feed and day: the warehouse's table `gate.feed_days`, computed once a run.

Only days whose rows changed are computed again. Rows of a feed without a time column are all of one day, before any
history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa

from data_quality import column_kinds, column_statistics, feed_states
from data_quality.warehouse import has_table
from metrics.calendar import Calendar
from metrics.feeds import Feed
from metrics.quoting import identifier

_TABLE = """
create schema if not exists gate;
create table if not exists gate.feed_days (
    feed varchar not null,
    day date not null,
    version varchar not null,
    n_rows bigint not null,
    n_duplicates bigint not null,
    n_ahead bigint not null,
    content varchar
);
comment on table gate.feed_days is
'Each feed''s rows by day, those that equal another row, those dated after their delivery, and a hash of what is not
a time or a key: equal for days that say the same';
"""
_DAYS = """
create or replace temp table changed_days as
with now_there as (
    select {time}::date as day, concat_ws(' ', count(*), epoch_us(max(_loaded_at)), hash($how)) as version
    from raw.{feed} as source where isfinite({time}) group by all
)
select day, n.version, k.day is not null as known
from now_there n full join (from gate.feed_days where feed = $feed) k using (day)
where n.version is distinct from k.version
"""
_INSERT = """
insert into gate.feed_days
select $feed, day, version, count(*), count(*) - count(distinct row_hash), count(*) filter (ahead),
    {content}
from (
    select {time}::date as day, hash({columns}) as row_hash, {time} > _loaded_at + interval 1 day as ahead, {kept}
    from raw.{feed} as source where isfinite({time})
)
join changed_days using (day)
group by day, version
"""

# One row per feed and day of its history, and running sums, so that what holds of any period is a difference of two.
# Expected is the median of the same weekday in the eight weeks before; on a public holiday no more than on a Sunday.
_SUMS = """
create or replace temp table feed_sums as
with calendar as (
    select f.feed, unnest(generate_series(f.history_from, least(f.watermark, f.ended), interval 1 day))::date as day
    from feeds f
    where f.feed in (select feed from gate.feed_days where day >= f.history_from)
),
rows_by_day as (
    select c.feed, c.day, coalesce(d.n_rows, 0) as n_rows, coalesce(d.n_duplicates, 0) as n_duplicates,
        coalesce(d.n_ahead, 0) as n_ahead, d.content,
        c.day in (from holidays) as is_holiday,
        exists (from holidays h where h.day between c.day - 3 and c.day + 3) as is_beside_holiday
    from calendar c
    left join gate.feed_days d using (feed, day)
),
expecting as (
    select *,
        median(n_rows) over eight_weeks as expected,
        count(*) over eight_weeks as n_before,
        if(count(*) over a_year >= 336, max(n_rows) over a_year, null) as busiest
    from rows_by_day
    window
        eight_weeks as (partition by feed, dayofweek(day) order by day rows between 8 preceding and 1 preceding),
        a_year as (partition by feed order by day rows between 371 preceding and 1 preceding)
),
-- The same day as one of the two weeks before: rare, or a feed's habit.
repeating as (
    select a.feed, a.day
    from rows_by_day a
    join rows_by_day b on a.feed = b.feed and a.content = b.content and b.day between a.day - 14 and a.day - 1
    where a.n_rows >= 3
    group by all
),
wanting as (
    select e.*,
        r.day is not null as repeats,
        avg((r.day is not null)::integer) over half_a_year as usually_repeats,
        last_value(case when dayofweek(e.day) = 0 then expected end ignore nulls) over so_far as on_sunday,
        if(n_before >= 4, if(is_holiday, least(expected, on_sunday), expected), null) as wanted,
        sum(n_rows) over so_far as rows_so_far
    from expecting e
    left join repeating r using (feed, day)
    window
        so_far as (partition by e.feed order by e.day),
        half_a_year as (
            partition by e.feed, dayofweek(e.day) order by e.day rows between 26 preceding and 1 preceding
        )
),
-- Days without rows in one run are judged together. Those of a public holiday, and the three before and after it, are
-- more likely closed than lost.
judged as (
    select *, sum(wanted) over run as wanted_of_run
    from wanting
    window run as (partition by feed, rows_so_far, n_rows = 0)
)
select feed, day,
    sum(n_rows) over upto as n_rows,
    sum(n_duplicates) over upto as n_duplicates,
    sum(n_ahead) over upto as n_ahead,
    sum(lacking) over upto as n_lacking,
    sum(surplus) over upto as n_surplus,
    sum(case when repeats and n_before = 8 and usually_repeats < 0.1 and not is_holiday then n_rows else 0 end)
         over upto as n_repeated
from (
    -- Less than half, and less than chance makes of so few; that it makes none of ten is one in e^10.
    select *,
        if(n_rows < 0.5 * wanted and not (n_rows = 0 and is_beside_holiday)
            and if(n_rows = 0, wanted_of_run > 10, wanted - n_rows > 4 * sqrt(wanted)),
            wanted - n_rows, 0) as lacking,
        -- More than twice as many, more than chance makes of so few (the root of a Poisson count has a standard
        -- deviation of a half, whatever is expected), and far more than on any day of the year before.
        if(n_rows > 2 * expected and sqrt(n_rows) - sqrt(expected) > 2 and n_rows > 1.5 * busiest,
            n_rows - expected, 0) as surplus
    from judged
)
window upto as (partition by feed order by day)
"""

# A row that was set aside has no day, and one that is dated ahead not its own: it may be of any that its file has
# other rows of, and of any at all where it has none.
_FILES = """
insert into file_days
select $feed, coalesce(n_aside, 0), coalesce(n_ahead, 0), coalesce(n_rows, 0), first_day, last_day
from (
    select _source_file, count(*) filter (ahead) as n_ahead, count(*) filter (not ahead) as n_rows,
        min(day) filter (not ahead) as first_day, max(day) filter (not ahead) as last_day
    from (
        select _source_file, {time}::date as day, coalesce({time} > _loaded_at + interval 1 day, false) as ahead
        from raw.{feed}
    )
    group by all
)
full join (
    select source_file as _source_file, count(*) as n_aside from {aside} where feed = $feed group by all
) using (_source_file)
where n_aside > 0 or n_ahead > 0
"""


def update(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed], calendar: Calendar, now: datetime) -> None:
    """Bring the tables of the schema `gate` up to date, and running sums by feed and day into the temporary table
    `feed_sums`.

    Columns of `feed_sums`: feed, day, and up to and including that day n_rows, n_duplicates (rows that equal another
    of their day in all source columns), n_ahead (dated more than a day after their delivery), n_lacking (how many more
    a missing or thin day should have, but for days without rows that are beside a public holiday), n_surplus (how many
    more a day has than usual, where it has more than twice as many and half as many
    again as any day of the year before), n_repeated (on days that say the same as one of the two weeks before, where
    that weekday seldom does).

    Columns of `file_days`, another one, with a row for each source file that has such rows: feed, n_aside (could not be
    read), n_ahead (dated more than a day after their delivery), n_rows (its other ones), and the first_day and last_day
    of those. `states` is that of `feed_states.py`.
    Needs the temporary tables `feeds` and `releases`.
    """
    for tables in (_TABLE, column_kinds.TABLE, column_statistics.TABLE, feed_states.TABLES):
        connection.execute(tables)
    for table in ("feed_days", "feed_columns", "column_days", "feed_states", "column_states"):
        connection.execute(f"delete from gate.{table} where not list_contains(?, feed)", [list(feeds)])
    there = [feed for feed in feeds.values() if has_table(connection, "raw", feed.name)]
    for feed in there:
        _update(connection, feed)
    feed_states.update(connection, [feed.name for feed in there], now)
    days = connection.execute("select min(history_from), max(watermark) from feeds").fetchone()
    holidays = _holidays(calendar, *days) if days is not None and None not in days else []
    connection.register("described", pa.table({"day": pa.array(holidays, pa.date32())}))
    connection.execute("create or replace temp table holidays as from described")
    connection.unregister("described")
    connection.execute(_SUMS)
    _look_at_files(connection, feeds)


def _look_at_files(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Put the files that have rows set aside or dated ahead into the temporary table `file_days`."""
    connection.execute(
        "create or replace temp table file_days"
        " (feed varchar, n_aside bigint, n_ahead bigint, n_rows bigint, first_day date, last_day date)"
    )
    found = connection.execute("select distinct feed from gate.feed_days where n_ahead > 0").fetchall()
    aside = "(select null::varchar as feed, null::varchar as source_file where false)"
    if has_table(connection, "raw", "_set_aside"):
        aside = "(select feed, source_file from raw._set_aside where source_line is not null)"
        found += connection.execute(f"select distinct feed from {aside}").fetchall()
    for name in sorted({name for (name,) in found}):
        feed = feeds.get(name)
        if feed is None or not has_table(connection, "raw", name):
            continue
        time = identifier(feed.time_column) if feed.time_column else "null::date"
        connection.execute(_FILES.format(feed=identifier(name), time=time, aside=aside), {"feed": name})


def _update(connection: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    time = f"source.{identifier(feed.time_column)}" if feed.time_column else column_kinds.NO_TIME
    columns = column_kinds.columns(connection, feed)
    counts = column_statistics.queries(feed.name, time, columns)
    names = {"feed": feed.name, "how": repr((columns, counts))}
    connection.execute(_DAYS.format(time=time, feed=identifier(feed.name)), names)
    column_statistics.update(connection, feed.name, counts)
    # The days' versions come last: a run that ends before counts the days again.
    connection.execute(
        "delete from gate.feed_days where feed = ? and day in (select day from changed_days)", [feed.name]
    )
    content = [
        identifier(name)
        for name, column in columns.items()
        if column.kind not in ("lag", "hour") and name != feed.time_column and not column.names_rows
    ]
    kept = f"hash({', '.join(content)})" if content else "null"
    connection.execute(
        _INSERT.format(
            time=time,
            feed=identifier(feed.name),
            columns=", ".join(map(identifier, columns)),
            kept=f"{kept} as content_hash",
            content="sum(content_hash)::varchar || ' ' || count(*)" if content else "null",
        ),
        {"feed": feed.name},
    )


def _holidays(calendar: Calendar, first: date, last: date) -> list[date]:
    """The weekdays in that span that are no working days."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and not calendar.is_working_day(day)]
