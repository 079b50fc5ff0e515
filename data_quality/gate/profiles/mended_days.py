"""The days on which staging put rows that the feeds date otherwise, such as rows whose day and month were swapped.

A day of a feed says too little there: the rows that the KPI reads are complete. `checks/rows/too_few_rows.py` leaves
those days out.
"""

from __future__ import annotations

import duckdb

from data_quality.warehouse import has_table
from metrics.core.quoting import identifier

# On all other days the KPI's feeds have no fewer rows than its facts, but for this share of the year before. Otherwise
# the facts are dated by another time than the feeds, or made of parts of rows, and tell nothing of the feeds' days.
_MAX_USUAL = 0.1
_TABLES = """
create or replace temp table fact_days (daily_rollup varchar, day date, n_rows bigint);
create or replace temp table mended_days (kpi_id varchar, day date)
"""
_FACT_DAYS = """
insert into fact_days
select $name, day, n_rows from rollups.{name} where segment = '_T' and n_rows > 0 and isfinite(day)
"""
_MENDED = f"""
insert into mended_days
with feed_rows as (
    select kpi_id, day, sum(n_rows) as n_rows from kpi_feeds join gate.feed_days using (feed) group by all
),
compared as (
    select k.kpi_id, k.daily_rollup, day, f.n_rows > coalesce(r.n_rows, 0) as is_more,
        f.n_rows >= 0.5 * median(f.n_rows) over eight_weeks as is_usual
    from kpi_daily_rollups k
    join fact_days f using (daily_rollup)
    left join feed_rows r using (kpi_id, day)
    window eight_weeks as (
        partition by kpi_id, daily_rollup, dayofweek(day) order by day rows between 8 preceding and 1 preceding
    )
),
with_past as (
    select *, avg(is_more::integer) over (
            partition by kpi_id, daily_rollup order by day rows between 365 preceding and 1 preceding
        ) as usually_more
    from compared
)
select kpi_id, day
from with_past
join (select kpi_id, count(*) as n_rollups from kpi_daily_rollups group by kpi_id) using (kpi_id)
group by kpi_id, day, n_rollups
having count(*) = n_rollups and bool_and(is_usual) and bool_or(is_more and usually_more <= {_MAX_USUAL})
"""


def find(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the temporary table `mended_days` (kpi_id, day).

    On these days each fact of the KPI has at least half of its usual rows, and one has more rows than all feeds of the
    KPI together, which is rare in the year before. Needs `gate.feed_days` and the tables of `checks/description.py`.
    """
    connection.execute(_TABLES)
    for (name,) in connection.execute("select distinct daily_rollup from kpi_daily_rollups").fetchall():
        if has_table(connection, "rollups", name):
            connection.execute(_FACT_DAYS.format(name=identifier(name)), {"name": name})
    connection.execute(_MENDED)
