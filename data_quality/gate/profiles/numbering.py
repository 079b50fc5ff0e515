"""Which column of a feed numbers its rows one after the other, so that a lost row leaves a gap.

It is a line number, which begins with 1 in each order, or a document number, which runs on through the day. Whether a
column is one is decided from its values; a few gaps are usual, as of cancelled documents.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from metrics.core.quoting import identifier

# This share of the ids with several rows must be numbered from 1 on without a gap.
_MIN_WITHOUT_GAPS = 0.95
# More gaps than this share of the numbers, or so many numbers that recur on other days: they don't run on by day.
_MAX_GAPS = 0.05
_MIN_NUMBERS = 100
_BY_ID = """
select count(*), avg(coalesce(n_rows = n_numbers and lowest = 1 and highest = n_rows, false)::integer)
from (
    select count(*) as n_rows, count(distinct {number}) as n_numbers, min({number}) as lowest, max({number}) as highest
    from (from raw.{feed} limit {sample}) where {id} is not null group by {id} having n_rows > 1
)
"""
_BY_DAY = """
select count(*), count(step), sum(least(step - 1, n_of_day)) filter (step is not null), count(distinct (series, number))
from (
    select series, number, number - lag(number) over numbers as step, count(*) over (partition by day) as n_of_day
    from (
        select distinct {time}::date as day, {series} as series, {number} as number
        from (from raw.{feed} limit {sample}) where {number} is not null
    )
    window numbers as (partition by day, series order by number)
)
"""


def find(
    connection: duckdb.DuckDBPyConnection,
    feed: str,
    time: str,
    members: Collection[str],
    ids: Collection[str],
    n_sample: int,
) -> dict[str, str]:
    """The column that numbers the rows of a feed, with its scope; an empty dictionary if there is none.

    The scope is the column within whose equal values the numbers run on (such as the order of a line number); it is
    empty if they run on within a day.
    `time` is the feed's time column. `members` are columns with few different values, `ids` those that may identify
    rows, or the documents that rows are a part of. The first `n_sample` rows decide.
    """
    places = {"feed": identifier(feed), "time": identifier(time), "sample": n_sample}
    for column in members:
        for id_column in ids:
            query = _BY_ID.format(**places, number=_number(column), id=identifier(id_column))
            n_ids, without_gaps = connection.execute(query).fetchall()[0]
            if n_ids >= _MIN_NUMBERS and without_gaps >= _MIN_WITHOUT_GAPS:
                return {column: id_column}
    for column in ids:
        query = _BY_DAY.format(**places, number=_number(column), series=_series(column))
        n, n_steps, n_gaps, n_numbers = connection.execute(query).fetchall()[0]
        if n >= _MIN_NUMBERS and n_steps >= 0.5 * n and max(n_gaps, n - n_numbers) <= _MAX_GAPS * n:
            return {column: ""}
    return {}


def skipped_sql(column: str, among: str) -> str:
    """SQL for how many numbers are skipped before that of a row, for rows with a `_day`; 0 for an equal number.

    `among` is as in `find`. A gap of more document numbers than the day has begins another range, and doesn't count.
    """
    number = _number(column)
    if among:
        return (
            f"greatest({number} - 1 -"
            f" coalesce(lag({number}) over (partition by _day, {identifier(among)} order by {number}), 0), 0)"
        )
    gap = f"{number} - 1 - lag({number}) over (partition by _day, {_series(column)} order by {number})"
    return f"if({gap} between 1 and count(*) over (partition by _day), {gap}, 0)"


def _number(column: str) -> str:
    """SQL for the number at the end of a value, NULL where it has none."""
    return f"try_cast(regexp_extract({identifier(column)}::varchar, '[0-9]+$') as bigint)"


def _series(column: str) -> str:
    """SQL for the text before that number."""
    return f"regexp_replace({identifier(column)}::varchar, '[0-9]+$', '')"
