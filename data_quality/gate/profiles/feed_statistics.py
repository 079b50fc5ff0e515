"""Statistics of every feed by day: the warehouse's table `gate.feed_days`, brought up to date once a run.

Only days whose rows changed are computed again. All rows of a feed without a time column count as rows of 1970-01-01,
which is before any history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

import duckdb

from data_quality.gate.profiles import column_kinds, column_statistics, numbering
from data_quality.warehouse import has_table, put
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
    content varchar
);
alter table gate.feed_days drop column if exists n_ahead;
alter table gate.feed_days add column if not exists n_alike bigint;
alter table gate.feed_days add column if not exists n_skipped bigint;
alter table gate.feed_days add column if not exists n_alike_by_chance double;
comment on table gate.feed_days is
'Each feed by day: its rows, those that equal another row of the day (n_duplicates) or equal one in all columns but ids
(n_alike), how many of the latter chance explains (n_alike_by_chance), the numbers that are missing among those that run
on (n_skipped), and a hash of the columns that are not times or keys, which is equal for days with the same content';
"""
# Days with fewer values than this, without times and keys, can be equal by chance.
_MIN_CELLS = 15
_DAYS = """
create or replace temp table changed_days as
with present_days as (
    select {time}::date as day, concat_ws(' ', count(*), epoch_us(max(_loaded_at)), hash($how)) as version
    from raw.{feed} as source where isfinite({time}) group by all
)
select day, n.version, k.day is not null as known
from present_days n full join (from gate.feed_days where feed = $feed) k using (day)
where n.version is distinct from k.version
"""
# Two rows of any days are equal but for the day and ids with the probability `alike`, which is high for few columns of
# few members. If there were 1 / alike kinds of rows, all equally frequent, n rows would be of
# (1 - (1 - alike)^n) / alike kinds.
_SAMPLE_ROWS = 10_000
_INSERT = """
insert into gate.feed_days by name
with pairs as (
    select coalesce(sum(n * (n - 1)) / nullif(sum(n) * (sum(n) - 1), 0), 0)::double as alike
    from (
        select if({lacks_value}, hash({columns}), hash({facts})) as fact_hash, count(*) as n
        from (from raw.{feed} limit {sample}) as source where isfinite({time}) group by all
    )
)
select $feed as feed, day, version, count(*) as n_rows, count(*) - count(distinct row_hash) as n_duplicates,
    count(*) - count(distinct fact_hash) as n_alike, sum(skipped) as n_skipped,
    if(any_value(alike) > 0, n_rows - (1 - pow(1 - any_value(alike), n_rows)) / any_value(alike), 0)
        as n_alike_by_chance,
    {content} as content
from (
    select _day as day, _version as version, hash({columns}) as row_hash,
        if({lacks_value}, row_hash, hash({compared_columns})) as fact_hash,
        {content_hash}, {skipped} as skipped
    from raw.{feed} as source
    join (select day as _day, version as _version from changed_days) on _day = {time}::date
    where isfinite({time})
), pairs
group by day, version
"""

# Running sums by feed and day of its history, so that the sum over any period is a difference of two.
# The expected number of rows is the median of the same weekday in the eight weeks before; on a public holiday it is at
# most that of a Sunday.
_SUMS = """
create or replace temp table feed_sums as
with calendar as (
    select f.feed, unnest(generate_series(f.history_from, least(f.watermark, f.ended), interval 1 day))::date as day
    from feeds f
    where f.feed in (select feed from gate.feed_days where day >= f.history_from)
),
rows_by_day as (
    select c.feed, c.day, coalesce(d.n_rows, 0) as n_rows, coalesce(d.n_duplicates, 0) as n_duplicates,
        coalesce(d.n_alike, 0) as n_alike, coalesce(d.n_skipped, 0) as n_skipped,
        coalesce(d.n_alike_by_chance, 0) as n_alike_by_chance, d.content,
        c.day in (select day from holidays) as is_holiday
    from calendar c
    left join gate.feed_days d using (feed, day)
),
expecting as (
    select *,
        median(n_rows) over eight_weeks as expected,
        count(*) over eight_weeks as n_before,
        -- A row that was delivered again under a new id equals the first one in all other columns. Where equal rows are
        -- common, they don't count, as busy days have more of them.
        sum(n_alike) over a_year <= 0.01 * sum(n_rows) over a_year as seldom_alike,
        -- Where rows are made so that they differ, such as one for each site, chance makes none alike.
        n_alike_by_chance * least(1, (sum(n_alike) over a_year + 1) / (sum(n_alike_by_chance) over a_year + 1))
            as alike_by_chance
    from rows_by_day
    window
        eight_weeks as (partition by feed, dayofweek(day) order by day rows between 8 preceding and 1 preceding),
        a_year as (partition by feed order by day rows between 371 preceding and 1 preceding)
),
-- Days with the same content as a day of the two weeks before. It may be rare or usual in the feed.
repeating as (
    select a.feed, a.day
    from rows_by_day a
    join rows_by_day b on a.feed = b.feed and a.content = b.content and b.day between a.day - 14 and a.day - 1
    group by all
),
with_expected as (
    select e.*,
        r.day is not null as repeats,
        avg((r.day is not null)::integer) over half_a_year as usually_repeats,
        last_value(case when dayofweek(e.day) = 0 then expected end ignore nulls) over so_far as on_sunday,
        if(n_before >= 4, if(is_holiday, least(expected, on_sunday), expected), null) as n_expected,
        sum(n_rows) over so_far as rows_so_far
    from expecting e
    left join repeating r using (feed, day)
    window
        so_far as (partition by e.feed order by e.day),
        half_a_year as (
            partition by e.feed, dayofweek(e.day) order by e.day rows between 26 preceding and 1 preceding
        )
),
-- Where the same weeks of the year before had fewer rows than those before them, as after Christmas, so many fewer are
-- expected this year (n_in_season). In half a year or more, no day of a feed that is `never_empty` lacked all its rows.
seasonal as (
    select *,
        n_expected * least(1, coalesce(median(n_rows / nullif(n_expected, 0)) over weeks_a_year_ago, 1)) as n_in_season,
        count(*) filter (n_expected > 0) over a_year >= 180
            and count(*) filter (n_expected > 0 and n_rows = 0) over a_year = 0 as never_empty
    from with_expected
    window
        weeks_a_year_ago as (partition by feed order by day rows between 371 preceding and 357 preceding),
        a_year as (partition by feed order by day rows between 371 preceding and 1 preceding)
),
-- Consecutive days without rows are one run and judged together; `n_missed` of them usually have rows. `dispersion` is
-- the variance of the number of rows divided by that of a Poisson count: above 1 where rows come several at a time, as
-- the lines of an order do, and near 0 where a day has a row for each campaign. It is estimated by the median of the
-- squared deviation over the expected number, which is 0.455 for a Poisson count, and limited to 20, as days also vary
-- for other reasons. Until there are four weeks of days to estimate it from, it counts as 20.
runs as (
    select *, sum(n_in_season) over run as n_expected_of_run, if(n_rows = 0, count(*) over run, 0) as days_of_run,
        bool_or(never_empty) over run as is_first_empty,
        if(n_rows = 0, count(*) filter (n_expected > 0) over run, 0) as n_missed,
        if(count(n_in_season) over a_year < 28, 20,
            least(median(pow(n_rows - n_in_season, 2) / nullif(n_in_season, 0)) over a_year / 0.455, 20)) as dispersion
    from seasonal
    window
        run as (partition by feed, rows_so_far, n_rows = 0),
        a_year as (partition by feed order by day rows between 371 preceding and 1 preceding)
),
-- Days without rows within three days of a public holiday count as closed rather than lost. A run of them may be as
-- long as at the previous occurrence of that holiday, where that is known.
closings as (
    select h.day as holiday, r.feed,
        lag(max(r.days_of_run)) over (partition by r.feed, h.name order by h.day) as longest_run
    from holidays h
    join runs r on r.day between h.day - 3 and h.day + 3
    group by h.day, h.name, r.feed
    having count(*) = 7 or h.day > (select max(day) - 7 from runs)
),
-- So do three or more days without rows if there were as many in the same weeks of the year before: who closes in July
-- does so every year.
yearly as (
    select distinct r.feed, r.day
    from runs r
    join runs y on y.feed = r.feed and y.day between r.day - 371 and r.day - 357 and y.n_missed >= r.n_missed
    where r.n_missed >= 3 and y.n_expected > 0
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
    sum(if(seldom_alike, n_alike - alike_by_chance, 0)) over upto as n_alike,
    sum(if(seldom_alike, alike_by_chance, 0)) over upto as n_alike_by_chance,
    sum(n_skipped) over upto as n_skipped,
    sum(lacking) over upto as n_lacking,
    sum(case when repeats and n_before = 8 and usually_repeats < 0.1 and not is_holiday then n_rows else 0 end)
         over upto as n_repeated
from (
    -- Rows are lacking on a day with less than half of the expected rows, if chance doesn't explain that. A day without
    -- rows needs more than ten expected ones (a Poisson count with that mean is zero once in e^10 times), times the
    -- dispersion if that is above 1. Where no day ever was empty, ten are enough, and any where days vary far less than
    -- by chance. Any other day must be more than four standard deviations below.
    select *,
        if(n_rows < 0.5 * n_in_season and not is_closed
            and case when n_rows > 0 then n_in_season - n_rows > 4 * sqrt(greatest(dispersion, 1) * n_in_season)
                when is_first_empty then dispersion < 0.25 or n_expected_of_run > 10
                else n_expected_of_run > 10 * greatest(dispersion, 1) end,
            n_in_season - n_rows, 0) as lacking
    from judged
)
window upto as (partition by feed order by day)
"""

# The day of a rejected row isn't known: that of the row before it in its file is used, or else of the file's first row.
# It is NULL if the file has no other rows; the row may then be of any day.
_REJECTED = """
insert into rejected_days
with dated as (
    select _source_file, _source_line, {time}::date as day from raw.{feed}
    where isfinite({time}) and {time} <= _loaded_at + interval 1 day
),
first as (select _source_file, arg_min(day, _source_line) as day from dated group by all),
rejected as (
    select source_file as _source_file, source_line as _source_line, loaded_at
    from raw._rejected where feed = $feed and source_line is not null
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
    """Bring the tables of the schema `gate` up to date; create the temporary tables `feed_sums` and `rejected_days`.

    `feed_sums` has running sums by feed and day. Columns: feed, day, and up to and including that day

    - n_rows,
    - n_duplicates: rows that equal another row of their day in all source columns,
    - n_alike_by_chance: how many rows are expected to equal another row of their day in all columns but ids,
    - n_alike: how many more do, in feeds in which that was rare in the year before,
    - n_skipped: gaps in consecutive numbers, such as invoice numbers (see `numbering.py`),
    - n_lacking: how many rows are missing on days with none or too few; days that count as closed lack none,
    - n_repeated: rows of days with the same content as a day of the two weeks before, if that weekday seldom has it.

    `rejected_days` has the columns feed, day (NULL if unknown), loaded_at, n_rejected. `labels` are the
    catalogue's, the columns whose numbers are identifiers. Needs the temporary table `feeds`.
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
    put(connection, "holidays", "day date, name varchar", list(holidays.items()))
    connection.execute(_SUMS)
    _count_rejected_rows(connection, feeds)


def _count_rejected_rows(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Create the temporary table `rejected_days`: the rejected rows of each feed by day."""
    connection.execute(
        "create or replace temp table rejected_days (feed varchar, day date, loaded_at timestamptz, n_rejected bigint)"
    )
    if not has_table(connection, "raw", "_rejected"):
        return
    with_rejected_rows = "select distinct feed from raw._rejected where source_line is not null"
    for (name,) in connection.execute(with_rejected_rows).fetchall():
        feed = feeds.get(name)
        if feed is not None and has_table(connection, "raw", name):
            time = identifier(feed.time_column) if feed.time_column else "null::date"
            connection.execute(_REJECTED.format(feed=identifier(name), time=time), {"feed": name})


def _update(connection: duckdb.DuckDBPyConnection, feed: Feed, labels: Collection[str]) -> None:
    """Bring the rows of one feed in `gate.feed_days`, `gate.feed_columns` and `gate.column_days` up to date."""
    time = f"source.{identifier(feed.time_column)}" if feed.time_column else column_kinds.NO_TIME
    columns = column_kinds.columns(connection, feed, labels)
    # Rows without a time belong to no period, so their values aren't counted.
    counts = column_statistics.queries(feed.name, time, columns) if feed.time_column else []
    # The columns compared for n_alike: all but ids. A time isn't an id, even if it identifies rows.
    compared_columns = [name for name, column in columns.items() if not column.is_id or column.kind in ("lag", "hour")]
    facts = [name for name in compared_columns if name != feed.time_column]
    # The version of a day includes how it is counted, so that a change of that counts all days again.
    parameters = {"feed": feed.name, "how": repr((columns, counts, compared_columns, _MIN_CELLS))}
    connection.execute(_DAYS.format(time=time, feed=identifier(feed.name)), parameters)
    column_statistics.update(connection, feed.name, counts)
    # The days' versions are written last: if a run stops before that, the next one counts the days again.
    connection.execute(
        "delete from gate.feed_days where feed = ? and day in (select day from changed_days)", [feed.name]
    )
    numbered = next(((name, column.numbered) for name, column in columns.items() if column.numbered is not None), None)
    content = [
        identifier(name)
        for name, column in columns.items()
        if column.kind not in ("lag", "hour") and name != feed.time_column and not column.names_rows
    ]
    content_hash = f"hash({', '.join(content)})" if content else "null"
    content_of_day = (
        f"if({len(content)} * count(*) < {_MIN_CELLS}, null, sum(content_hash)::varchar || ' ' || count(*))"
    )
    connection.execute(
        _INSERT.format(
            time=time,
            feed=identifier(feed.name),
            columns=", ".join(map(identifier, columns)),
            compared_columns=", ".join(map(identifier, compared_columns or columns)),
            # Rows that lack values are often equal to others: they are compared in all columns.
            lacks_value=" or ".join(f"{identifier(name)} is null" for name in compared_columns) or "false",
            facts=", ".join([f"{time}::timestamp::time", *(identifier(name) for name in facts)]),
            sample=_SAMPLE_ROWS,
            content_hash=f"{content_hash} as content_hash",
            skipped=numbering.skipped_sql(*numbered) if numbered else "0",
            content=content_of_day,
        ),
        {"feed": feed.name},
    )


def _holidays(calendar: Calendar, first: date, last: date) -> dict[date, str]:
    """The public holidays from `first` to `last` that are on Monday to Friday, with their names."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: calendar.holiday(day) for day in days if day.weekday() < 5 and not calendar.is_working_day(day)}
