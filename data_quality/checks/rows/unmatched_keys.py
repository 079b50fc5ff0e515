"""`unmatched_keys`: do the keys of the feeds upstream still match each other?

A column refers to another feed when both have it, under one name and type, and its values are more than a few words.
Nothing is declared: a reference is judged where nearly every key matched in the year before.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pandas as pd

from data_quality.checks.blocks import FARTHEST, FEWEST, NEAREST
from data_quality.checks.chance import rows_by_chance
from data_quality.checks.check import Check
from data_quality.checks.feed_shares import LOOKS_BACK
from metrics.feeds import Feed
from metrics.quoting import identifier

# Of the year's weeks or months, half may have no more keys without a match.
_AS_A_RULE = 0.05

_TABLE = """
create or replace temp table key_days
    (feed varchar, column_name varchar, other varchar, day date, n_rows bigint, n_unmatched bigint)
"""
# Numbers are keys only where they are unique in one of the feeds: counts and scores of two feeds may agree as well.
_PAIRS = """
select c.feed, c.column_name, other.table_name, c.kind = 'number' as is_number
from gate.feed_columns c
join duckdb_columns() other on other.schema_name = 'raw' and other.database_name = current_database()
    and other.column_name = c.column_name and other.data_type = c.type and other.table_name <> c.feed
left join gate.feed_columns o on o.feed = other.table_name and o.column_name = c.column_name
where (
        (c.type = 'VARCHAR' and c.kind in ('shape', 'filled'))
        or (c.type in ('INTEGER', 'BIGINT', 'HUGEINT') and c.kind = 'number')
    )
    and coalesce(o.kind, 'filled') <> 'member'
    and exists (from kpi_feeds k join kpi_feeds l using (kpi_id) where k.feed = c.feed and l.feed = other.table_name)
order by all
"""
# A match that comes later isn't one: else the newest rows would always have fewer than those of the year before.
_COUNT = f"""
insert into key_days
with span as (select min(date_trunc('month', period_start)::date) - {FARTHEST + 7} as first from spans)
select $feed, $column, $other, day, count(*), count(*) filter (since is null or since > day)
from (
    select {{time}}::date as day, {{column}} as key
    from raw.{{feed}}, span
    where {{column}} is not null and isfinite({{time}}) and {{time}} >= span.first
)
left join (
    select {{column}} as key, {{since}} as since from raw.{{other}} where {{column}} is not null group by all
) using (key)
group by day
"""

_FIGURE = f"""
with shares as (
    select c.feed, c.column_name, c.other, g.grain, date_trunc(g.grain, c.day)::date as block,
        sum(c.n_rows) as n_rows, sum(c.n_unmatched) / sum(c.n_rows) as share
    from key_days c
    join feeds f on f.feed = c.feed and c.day >= f.history_from
    join feeds o on o.feed = c.other and coalesce(c.day <= o.ended, true)  -- which has no new keys after that
    cross join (values ('week'), ('month')) as g(grain)
    where if(g.grain = 'week', date_trunc('week', c.day)::date + 6, last_day(c.day)) <= f.watermark
    group by all
),
judged as (
    select *,
        if(share * n_rows > {rows_by_chance("n_rows * greatest(usual, 1 / n_rows_before)")}, share - usual, 0)
            as figure
    from (
        select *, max(share) over past as usual, sum(n_rows) over past as n_rows_before,
            median(share) over past as as_a_rule, count(*) over past as n_past
        from shares
        window past as (
            partition by feed, column_name, other, grain order by block
            range between interval {FARTHEST} day preceding and interval {NEAREST} day preceding
        )
    )
    where n_past >= {FEWEST} and as_a_rule <= {_AS_A_RULE}
),
found as (
    select p.key_no, p.period_start, b.feed, b.column_name, b.other,
        sum(b.figure * b.n_rows) / sum(b.n_rows) as figure, max(b.usual) as usual
    from spans p
    join kpi_feeds k using (kpi_id)
    join kpi_feeds o using (kpi_id)
    join judged b on b.feed = k.feed and b.other = o.feed
        and b.grain = if(p.freq = 'W', 'week', 'month') and b.block between p.period_start and p.period_end
    group by all
)
select
    p.key_no,
    coalesce(round(max(f.figure), 6), 0) as figure,
    count(f.key_no) > 0 as applies,
    coalesce(array_to_string(
        (list(
            printf(
                'feed %s, column %s: %.1f %% of the keys match no earlier row of feed %s, beyond the usual %.1f %%',
                f.feed, f.column_name, 100 * f.figure, f.other, 100 * f.usual
            ) || {LOOKS_BACK.format(span="f")} order by f.figure desc
        ) filter (f.figure > 0))[:3], '; '
    ), '') as detail,
    arg_max(f.feed, f.figure) as feed
from planned p
left join found f using (key_no)
group by p.key_no
"""


def count(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Put into the temporary table `key_days` how many keys of each day match no row of that day or before.

    Columns: feed, column_name, other (the feed looked in), day, n_rows (that have a key), n_unmatched. Needs the
    statistics of `feed_statistics.py` and the temporary tables of `checks/frame.py`.
    """
    connection.execute(_TABLE)
    for name, column, other, is_number in connection.execute(_PAIRS).fetchall():
        if other not in feeds or (is_number and not any(_names(connection, one, column) for one in (name, other))):
            continue
        time, since = feeds[name].time_column, feeds[other].time_column
        if time is None:
            continue
        connection.execute(
            _COUNT.format(
                feed=identifier(name),
                column=identifier(column),
                other=identifier(other),
                time=identifier(time),
                since=f"min({identifier(since)})::date" if since else "date '-infinity'",
            ),
            {"feed": name, "column": column, "other": other},
        )


def _names(connection: duckdb.DuckDBPyConnection, feed: str, column: str) -> bool:
    """Whether each value names one row."""
    counted = f"select count(*) > 0 and count(*) = count(distinct {identifier(column)}) from raw.{identifier(feed)}"
    (unique,) = connection.execute(counted).fetchall()[0]
    return bool(unique)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The largest share of keys without a match beyond the usual one, of every planned key."""
    return connection.execute(_FIGURE).df()


CHECK = Check(
    figure,
    "No more keys than usual lack their row in another feed.",
    "keys have no match in another feed",
    flag=0.002,
    hold=0.02,
)
