"""What the gate's checks know of every feed and day: the warehouse's table `gate.feed_days`, computed once a run.

Only days whose rows changed are computed again. Rows of a feed without a time column are all of one day, before any
history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

import duckdb
import pyarrow as pa

from data_quality.gate.profiles import column_kinds, column_statistics
from data_quality.warehouse import has_table
from metrics.core.quoting import identifier
from metrics.definitions.calendar import Calendar
from metrics.definitions.feeds import Feed

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
alter table gate.feed_days add column if not exists n_alike bigint;
drop table if exists gate.feed_states;
drop table if exists gate.column_states;
comment on table gate.feed_days is
'Each feed''s rows by day, those that equal another row, or do in all but ids (n_alike), those dated after their
delivery, and a hash of what is not a time or a key: equal for days that say the same';
"""
# Days of fewer values than that, times and keys left out, say the same by chance.
_FEWEST_CELLS = 15
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
insert into gate.feed_days by name
select $feed as feed, day, version, count(*) as n_rows, count(*) - count(distinct row_hash) as n_duplicates,
    count(*) - count(distinct fact_hash) as n_alike, count(*) filter (ahead) as n_ahead, {content} as content
from (
    select {time}::date as day, hash({columns}) as row_hash,
        if({lacks_facts}, row_hash, hash({facts})) as fact_hash,
        {time} > _loaded_at + interval 1 day as ahead, {kept}
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
        coalesce(d.n_alike, 0) as n_alike, coalesce(d.n_ahead, 0) as n_ahead, d.content,
        c.day in (select day from holidays) as is_holiday
    from calendar c
    left join gate.feed_days d using (feed, day)
),
expecting as (
    select *,
        median(n_rows) over eight_weeks as expected,
        count(*) over eight_weeks as n_before,
        -- A row that comes again under a new id equals the first in all else; but where that is common, busy days have
        -- more of them.
        if(sum(n_alike) over a_year <= 0.01 * sum(n_rows) over a_year, n_alike, 0) as n_seldom_alike
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
-- Days without rows in one run are judged together; `n_missed` of it have rows as a rule. Rows that come several
-- `at_a_time`, as the lines of an order do, vary by so many times what single ones do (the median of their squared
-- deviation over what was expected, which is 0.455 of single ones); but days vary for other reasons, too.
runs as (
    select *, sum(wanted) over run as wanted_of_run, if(n_rows = 0, count(*) over run, 0) as days_of_run,
        if(n_rows = 0, count(*) filter (wanted > 0) over run, 0) as n_missed,
        least(
            greatest(coalesce(median(pow(n_rows - wanted, 2) / nullif(wanted, 0)) over a_year / 0.455, 1), 1), 20
        ) as at_a_time
    from wanting
    window
        run as (partition by feed, rows_so_far, n_rows = 0),
        a_year as (partition by feed order by day rows between 371 preceding and 1 preceding)
),
-- Those of a public holiday, and the three before and after it, are more likely closed than lost; but no longer than at
-- the same holiday before, where that is known.
closings as (
    select h.day as holiday, r.feed,
        lag(max(r.days_of_run)) over (partition by r.feed, h.name order by h.day) as longest_run
    from holidays h
    join runs r on r.day between h.day - 3 and h.day + 3
    group by h.day, h.name, r.feed
    having count(*) = 7 or h.day > (select max(day) - 7 from runs)
),
-- So are three or more that had none in the same weeks of the year before, and no fewer: who closes in July does again.
yearly as (
    select distinct r.feed, r.day
    from runs r
    join runs y on y.feed = r.feed and y.day between r.day - 371 and r.day - 357 and y.n_missed >= r.n_missed
    where r.n_missed >= 3 and y.wanted > 0
        and not exists (from holidays h where h.day between y.day - 3 and y.day + 3)
),
judged as (
    select r.*, n_rows = 0 and (y.day is not null or exists (
        from closings c
        where c.feed = r.feed and r.day between c.holiday - 3 and c.holiday + 3
            and r.days_of_run <= coalesce(c.longest_run, r.days_of_run)
    )) as is_closed
    from runs r
    left join yearly y using (feed, day)
)
select feed, day,
    sum(n_rows) over upto as n_rows,
    sum(n_duplicates) over upto as n_duplicates,
    sum(n_seldom_alike) over upto as n_alike,
    sum(n_ahead) over upto as n_ahead,
    sum(lacking) over upto as n_lacking,
    sum(case when repeats and n_before = 8 and usually_repeats < 0.1 and not is_holiday then n_rows else 0 end)
         over upto as n_repeated
from (
    -- Less than half, and less than chance makes of so few; that it makes none of ten is one in e^10.
    select *,
        if(n_rows < 0.5 * wanted and not is_closed
            and if(n_rows = 0, wanted_of_run > 10 * at_a_time, wanted - n_rows > 4 * sqrt(at_a_time * wanted)),
            wanted - n_rows, 0) as lacking
    from judged
)
window upto as (partition by feed order by day)
"""

# A rejected row has no day: it is taken to be of that of the row before it in its file, or of the first one; of no day,
# which may be any, where its file has no other rows.
_REJECTED = """
insert into rejected_days
with dated as (
    select _source_file, _source_line, {time}::date as day from raw.{feed}
    where isfinite({time}) and {time} <= _loaded_at + interval 1 day
),
first as (select _source_file, arg_min(day, _source_line) as day from dated group by all),
rejected as (
    select source_file as _source_file, source_line as _source_line, loaded_at
    from raw._set_aside where feed = $feed and source_line is not null
)
select $feed, coalesce(dated.day, first.day), loaded_at, count(*)
from rejected
asof left join dated using (_source_file, _source_line)
left join first using (_source_file)
group by all
"""


def update(
    connection: duckdb.DuckDBPyConnection,
    feeds: Mapping[str, Feed],
    labels: Mapping[str, Collection[str]],
    calendar: Calendar,
) -> None:
    """Bring the tables of the schema `gate` up to date, and running sums by feed and day into the temporary table
    `feed_sums`.

    Columns of `feed_sums`: feed, day, and up to and including that day n_rows, n_duplicates (rows that equal another of
    their day in all source columns), n_alike (in all but ids, where that was rare in the year before), n_ahead (dated
    more than a day after their delivery), n_lacking (how many more a missing or thin day should have, but for days
    without rows that are beside a public holiday, no more in a run than at that holiday before, or where the year
    before had as many), n_repeated (on days that say the same as one of the two weeks before, where that weekday
    seldom does).

    Columns of `rejected_days`, another one: feed, day (NULL where nothing tells it), loaded_at, n_rejected.
    `labels` are those of the catalogue. Needs the temporary table `feeds`.
    """
    for tables in (_TABLE, column_kinds.TABLE, column_statistics.TABLE):
        connection.execute(tables)
    for table in ("feed_days", "feed_columns", "column_days"):
        connection.execute(f"delete from gate.{table} where not list_contains(?, feed)", [list(feeds)])
    for feed in feeds.values():
        if has_table(connection, "raw", feed.name):
            _update(connection, feed, labels.get(feed.name, ()))
    days = connection.execute("select min(history_from), max(watermark) from feeds").fetchone()
    holidays = _holidays(calendar, *days) if days is not None and None not in days else {}
    named = {"day": pa.array(list(holidays), pa.date32()), "name": pa.array(list(holidays.values()), pa.string())}
    connection.register("described", pa.table(named))
    connection.execute("create or replace temp table holidays as from described")
    connection.unregister("described")
    connection.execute(_SUMS)
    _look_at_rejected_rows(connection, feeds)


def _look_at_rejected_rows(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Put the rows that were rejected, by day, into the temporary table `rejected_days`."""
    connection.execute(
        "create or replace temp table rejected_days (feed varchar, day date, loaded_at timestamptz, n_rejected bigint)"
    )
    if not has_table(connection, "raw", "_set_aside"):
        return
    chosen = "select distinct feed from raw._set_aside where source_line is not null"
    for (name,) in connection.execute(chosen).fetchall():
        feed = feeds.get(name)
        if feed is not None and has_table(connection, "raw", name):
            time = identifier(feed.time_column) if feed.time_column else "null::date"
            connection.execute(_REJECTED.format(feed=identifier(name), time=time), {"feed": name})


def _update(connection: duckdb.DuckDBPyConnection, feed: Feed, labels: Collection[str]) -> None:
    time = f"source.{identifier(feed.time_column)}" if feed.time_column else column_kinds.NO_TIME
    columns = column_kinds.columns(connection, feed, labels)
    # Rows that have no time are of no period, so that nothing is said of their values.
    counts = column_statistics.queries(feed.name, time, columns) if feed.time_column else []
    # A time that names rows is none: it tells rows apart all the same.
    facts = [name for name, column in columns.items() if not column.is_id or column.kind in ("lag", "hour")]
    names = {"feed": feed.name, "how": repr((columns, counts, facts, _FEWEST_CELLS))}
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
    said = f"if({len(content)} * count(*) < {_FEWEST_CELLS}, null, sum(content_hash)::varchar || ' ' || count(*))"
    connection.execute(
        _INSERT.format(
            time=time,
            feed=identifier(feed.name),
            columns=", ".join(map(identifier, columns)),
            facts=", ".join(map(identifier, facts or columns)),
            # Of rows that lack values many are alike, and of none that came again is that news.
            lacks_facts=" or ".join(f"{identifier(name)} is null" for name in facts) or "false",
            kept=f"{kept} as content_hash",
            content=said,
        ),
        {"feed": feed.name},
    )


def _holidays(calendar: Calendar, first: date, last: date) -> dict[date, str]:
    """The weekdays in that span that are no working days, with the name of the holiday."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: calendar.holiday(day) for day in days if day.weekday() < 5 and not calendar.is_working_day(day)}
