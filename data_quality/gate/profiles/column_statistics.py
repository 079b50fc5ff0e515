"""The distribution of the values of every raw column, by day: the warehouse's table `gate.column_days`.

Every value belongs to a class (see the table's comment below), and the rows of each day are counted by class.
`feed_statistics.py` brings the table up to date: only days whose rows changed are counted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from data_quality.gate.profiles.column_kinds import SHAPE, Column, measure
from metrics.core.quoting import identifier, literal

TABLE = """
create schema if not exists gate;
create table if not exists gate.column_days (
    feed varchar not null,
    column_name varchar not null,
    day date not null,
    member varchar,
    class varchar not null,
    n_rows double not null,
    total double
);
comment on table gate.column_days is
'The rows of each column by day, member of the column on which its sizes depend, and class of value; for numbers also
the sum of their absolute values (total). A value that is missing together with the time that it comes with may still
come and is not counted. Classes: null; =x member x; ~9a a form of text; 0, +k and -k a number or lag near 2^k, divided
between the two nearest powers; odd a number that is not finite; @h an hour of the day; filled any value';
"""

_COUNT = """
insert into gate.column_days
select $feed, value.column_name, day, null, coalesce(value.class, 'null'), count(*), null
from (
    select changed_days.day, unnest([{values}]) as value
    from raw.{feed} as source join changed_days on changed_days.day = {time}::date
    where isfinite({time})
)
where value is not null
group by all
"""
# A number between two powers of two counts in part for each of the two classes, by its logarithm. So numbers that grow
# slowly move gradually from one class to the next.
_MEASURE = """
insert into gate.column_days
select $feed, column_name, day, member,
    case
        when number is null then 'null'
        when number = 0 then '0'
        when size is null then 'odd'
        else if(number < 0, '-', '+') || (floor(size)::integer + upper)
    end as class,
    sum(if(upper = 1, above, 1 - above)) as n_rows,
    sum(if(upper = 1, above, 1 - above) * if(isfinite(number), abs(number), 0))
from (
    select day, value.column_name as column_name, value.member as member, value.number as number,
        if(isfinite(number) and number <> 0, log2(abs(number)), null) as size,
        coalesce(size - floor(size), 0) as above
    from (
        select changed_days.day, unnest([{values}]) as value
        from raw.{feed} as source join changed_days on changed_days.day = {time}::date
        where isfinite({time})
    )
    where value is not null
),
(values (0), (1)) as bounds(upper)
group by all
having n_rows > 0
"""


def queries(feed: str, time: str, columns: Mapping[str, Column]) -> list[str]:
    """The SQL statements that count the values of a feed's columns, on the days of the temporary table `changed_days`.

    `time` is SQL for the time of a row. Each statement needs the parameter `feed`.
    """
    measured = [name for name, column in columns.items() if column.kind in ("number", "lag")]
    return [
        sql.format(
            feed=identifier(feed),
            time=time,
            values=", ".join(_value(name, columns[name], field, time) for name in names),
        )
        for sql, field, names in (
            (_MEASURE, "number", measured),
            (_COUNT, "class", [name for name in columns if name not in measured]),
        )
        if names
    ]


def update(connection: duckdb.DuckDBPyConnection, feed: str, counts: Sequence[str]) -> None:
    """Count the days of the temporary table `changed_days` again. `counts` are the statements of `queries`."""
    connection.execute("delete from gate.column_days where feed = ? and day in (select day from changed_days)", [feed])
    for query in counts:
        connection.execute(query, {"feed": feed})


def _value(name: str, column: Column, field: str, time: str) -> str:
    """SQL for a struct that describes the value of a column in a row: column_name, member and `field`.

    `member` is that of the column on which its sizes depend. `field` is "number" for numbers and lags (the size), else
    "class". The struct is NULL for a missing value that may still come.
    """
    value = f"source.{identifier(name)}"
    classed = {
        "number": measure(value, "number", time),
        "lag": measure(value, "lag", time),
        "member": f"'=' || {value}",
        "shape": f"'~' || {SHAPE.format(value)}",
        "hour": f"'@' || hour({value})",
        "filled": f"if({value} is null, null, 'filled')",
    }[column.kind]
    member = (
        f"coalesce('=' || source.{identifier(column.depends_on)}, 'null')" if column.depends_on else "null::varchar"
    )
    struct = f"{{'column_name': {literal(name)}, 'member': {member}, '{field}': {classed}}}"
    if column.comes_with is None:
        return struct
    return f"if({value} is null and source.{identifier(column.comes_with)} is null, null, {struct})"
