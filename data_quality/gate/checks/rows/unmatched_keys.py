"""`unmatched_keys`: the share of keys in one feed without a match in another feed, beyond the usual share.

Keys are the columns by which the KPI's SQL joins feeds, and those of dbt tests `relationships`. A week or month is
compared with the reference period of `blocks.py`: the usual share is the highest of its weeks or months. A pair of
columns is judged only if nearly all keys matched in the reference period.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from data_quality.gate.checks.blocks import MAX_DAYS_BEFORE, compared_sql, figure_by_key_sql
from data_quality.gate.checks.chance import rows_by_chance
from data_quality.gate.checks.check import Check
from metrics.core.quoting import identifier
from metrics.definitions.feeds import Feed

# The largest median share of unmatched keys in the reference period with which a pair of columns is judged.
_MAX_USUALLY_UNMATCHED = 0.05

_TABLE = """
create or replace temp table key_days (
    feed varchar, column_name varchar, other varchar, other_column varchar, day date, n_rows bigint, n_unmatched bigint
)
"""
_PAIRS = """
select distinct feed, j.column_name, other, other_column
from kpi_joins j
join duckdb_columns() c on c.database_name = current_database() and c.schema_name = 'raw'
    and c.table_name = feed and c.column_name = j.column_name
join duckdb_columns() o on o.database_name = current_database() and o.schema_name = 'raw'
    and o.table_name = other and o.column_name = other_column
order by all
"""
# A match must be there by the day of the key. Otherwise older keys had more time to find one, and the newest rows would
# always have fewer matches than those of the year before.
_COUNT = f"""
insert into key_days
with span as (select min(date_trunc('month', period_start)::date) - {MAX_DAYS_BEFORE + 7} as first from spans)
select $feed, $column, $other, $other_column, day, count(*), count(*) filter (since is null or since > day)
from (
    select {{time}}::date as day, {{column}}::varchar as key
    from raw.{{feed}}, span
    where {{column}} is not null and isfinite({{time}}) and {{time}} >= span.first
)
left join (
    select {{other_column}}::varchar as key, {{since}} as since
    from raw.{{other}} where {{other_column}} is not null group by all
) using (key)
group by day
"""

_FIGURE = f"""
with counted as (
    select c.feed, c.column_name, c.other, c.other_column, g.grain, date_trunc(g.grain, c.day)::date as block,
        sum(c.n_rows) as n_rows, sum(c.n_unmatched) / sum(c.n_rows) as share
    from key_days c
    join feeds f on f.feed = c.feed and c.day >= f.history_from
    join feeds o on o.feed = c.other and coalesce(c.day <= o.ended, true)  -- which has no new keys after that
    cross join (values ('week'), ('month')) as g(grain)
    where if(g.grain = 'week', date_trunc('week', c.day)::date + 6, last_day(c.day)) <= f.watermark
    group by all
),
{compared_sql("feed, column_name, other, other_column")},
judged as (
    select *, other || ' ' || other_column as member, 'null' as share_of,
        if(share * n_rows > {rows_by_chance("n_rows * greatest(highest, 1 / n_rows_before)")}, share - highest, 0)
            as figure,
        printf(' of the keys match no earlier row of feed %s, beyond the usual %.1f %%', other, 100 * highest)
            as explanation
    from compared
    where median_share <= {_MAX_USUALLY_UNMATCHED}
),
{figure_by_key_sql("kpi_joins", "feed, column_name, other, other_column")}
"""


def create_key_days(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Create the temporary table `key_days`.

    For each day it has the number of rows with a key (n_rows), and of those whose key wasn't yet in the other feed on
    that day (n_unmatched). If the other feed has no time column, any row of it counts as a match. Columns: feed,
    column_name, other and other_column (the feed and column in which the key is looked up), day, n_rows, n_unmatched.
    Feeds without a time column have no rows in it. Needs the statistics of `feed_statistics.py` and the temporary
    tables of `checks/frame.py`.
    """
    connection.execute(_TABLE)
    for name, column, other_name, other_column in connection.execute(_PAIRS).fetchall():
        time = feeds[name].time_column if name in feeds and other_name in feeds else None
        if time is None:
            continue
        since = feeds[other_name].time_column
        connection.execute(
            _COUNT.format(
                feed=identifier(name),
                column=identifier(column),
                other=identifier(other_name),
                other_column=identifier(other_column),
                time=identifier(time),
                since=f"min({identifier(since)})::date" if since else "date '-infinity'",
            ),
            {"feed": name, "column": column, "other": other_name, "other_column": other_column},
        )


CHECK = Check(
    __name__,
    _FIGURE,
    "Where the KPI joins feeds, no more keys than usual lack their row in the other feed.",
    "keys have no match in another feed",
    flag=0.002,
    hold=0.02,
)
