"""How the values of every feed's columns are distributed, by day: the warehouse's table `gate.column_days`.

Every value falls into a class, and a day's rows are counted by class. Kept and brought up to date with
`feed_statistics.py`: only days whose rows changed are counted again.
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
'Each column''s rows by day, member of the column that its sizes depend on, and class of value, and of numbers the sum
of their sizes. What is missing with the time that it comes with may yet come and isn''t counted. Classes: null; =x a
member; ~9a a form of text; 0, +k and -k a number of size 2^k, shared between the two nearest; @h an hour; filled';
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
# A number between two powers of two counts in part for the one and in part for the other: so what moves slowly past a
# power of two never jumps from one class to the next.
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


def queries(feed: str, time: str, looked_at: Mapping[str, Column]) -> list[str]:
    """What counts the values of a feed's columns, on the days of the temporary table `changed_days`; `time` is SQL for
    a row's. Each is given the parameter `feed`.
    """
    measured = [name for name, column in looked_at.items() if column.kind in ("number", "lag")]
    return [
        sql.format(
            feed=identifier(feed),
            time=time,
            values=", ".join(_value(name, looked_at[name], field, time) for name in names),
        )
        for sql, field, names in (
            (_MEASURE, "number", measured),
            (_COUNT, "class", [name for name in looked_at if name not in measured]),
        )
        if names
    ]


def update(connection: duckdb.DuckDBPyConnection, feed: str, counts: Sequence[str]) -> None:
    """Count the days of the temporary table `changed_days` again, by those queries."""
    connection.execute("delete from gate.column_days where feed = ? and day in (select day from changed_days)", [feed])
    for query in counts:
        connection.execute(query, {"feed": feed})


def _value(name: str, column: Column, field: str, time: str) -> str:
    """A row's column as SQL: a struct of its name, of a measured one the member that it depends on, and what it is
    classed by; NULL where it may yet come.
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
