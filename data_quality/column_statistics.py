"""How the values of every feed's columns are distributed, by day: the warehouse's table `gate.column_days`.

Every value falls into a class, and a day's rows are counted by class. Kept and brought up to date with
`feed_statistics.py`: only days whose rows changed are counted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb

from metrics.feeds import Feed

Kind = Literal["member", "shape", "number", "lag", "hour", "filled"]

TABLES = """
create schema if not exists gate;
create table if not exists gate.feed_columns (
    feed varchar not null,
    column_name varchar not null,
    type varchar not null,
    kind varchar not null,
    names_rows boolean not null,
    comes_with varchar,
    n_rows bigint not null
);
comment on table gate.feed_columns is
'How a column''s values are classed, whether it names rows (nearly every row has a value of its own), the time that it
comes with, where it is filled later, and how many rows the feed had when that was decided';
create table if not exists gate.column_days (
    feed varchar not null,
    column_name varchar not null,
    day date not null,
    class varchar not null,
    n_rows double not null,
    total double
);
comment on table gate.column_days is
'Each column''s rows by day and class of value, and of numbers the sum of their sizes. What is missing
with the time that it comes with may yet come and isn''t counted. Classes: null; =x a member; ~9a a
form of text; 0, +k and -k a number of size 2^k, shared between the two nearest; @h an hour; filled';
"""
_FEW = 50  # members, or forms of text, up to which each is a class of its own
_HARDLY = 0.99  # share of missing values from which a column is taken to wait for a time
_LOOKED_AT = 100_000  # rows from which kinds are decided
# A column in which nearly every row differs names rows; it says nothing of whether two days are alike.
_NAMES_ROWS = 0.5
_SHAPE = "regexp_replace(regexp_replace({}, '[0-9]+', '9', 'g'), '[[:alpha:]]+', 'a', 'g')"

_COUNT = """
insert into gate.column_days
select $feed, value.column_name, day, coalesce(value.class, 'null'), count(*), null
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
select $feed, column_name, day,
    case
        when number is null then 'null'
        when number = 0 then '0'
        when size is null then 'odd'
        else if(number < 0, '-', '+') || (floor(size)::integer + upper)
    end as class,
    sum(if(upper = 1, above, 1 - above)) as n_rows,
    sum(if(upper = 1, above, 1 - above) * if(isfinite(number), abs(number), 0))
from (
    select day, value.column_name as column_name, value.number as number,
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


@dataclass(frozen=True)
class Column:
    """How a raw column is looked at. `comes_with` is the later time without which it has no value, such as that of an
    answer; None where there is none.
    """

    kind: Kind
    names_rows: bool
    comes_with: str | None


def columns(connection: duckdb.DuckDBPyConnection, feed: Feed) -> dict[str, Column]:
    """The raw columns of a feed, each decided when it is new, or the feed has doubled or halved."""
    described = connection.execute(f"describe raw.{quoted(feed.name)}").fetchall()
    types = {name: kind for name, kind, *_ in described if not name.startswith("_")}
    known = connection.execute(
        "select column_name, type, kind, names_rows, comes_with, n_rows from gate.feed_columns where feed = ?",
        [feed.name],
    ).fetchall()
    (n_rows,) = connection.execute(f"select count(*) from raw.{quoted(feed.name)}").fetchall()[0]
    kept = {
        name: Column(kind, names_rows, comes_with)
        for name, its_type, kind, names_rows, comes_with, before in known
        if types.get(name) == its_type
        and before < 2 * n_rows < 4 * before
        and (comes_with is None or comes_with in types)
    }
    if kept.keys() == types.keys() == {name for name, *_ in known}:
        return kept
    decided = {**_decided(connection, feed, types), **kept}
    n_rows_then = {name: before for name, *_, before in known if name in kept}
    connection.execute("delete from gate.feed_columns where feed = ?", [feed.name])
    connection.executemany(
        "insert into gate.feed_columns values (?, ?, ?, ?, ?, ?, ?)",
        [
            (feed.name, name, types[name], one.kind, one.names_rows, one.comes_with, n_rows_then.get(name, n_rows))
            for name, one in decided.items()
        ],
    )
    return decided


def update(connection: duckdb.DuckDBPyConnection, feed: str, time: str, looked_at: Mapping[str, Column]) -> None:
    """Count the days of the temporary table `changed_days` again; `time` is SQL for a row's."""
    connection.execute("delete from gate.column_days where feed = ? and day in (select day from changed_days)", [feed])
    measured = [name for name, column in looked_at.items() if column.kind in ("number", "lag")]
    for sql, field, names in (
        (_MEASURE, "number", measured),
        (_COUNT, "class", [name for name in looked_at if name not in measured]),
    ):
        if names:
            values = ", ".join(_value(name, looked_at[name], field, time) for name in names)
            connection.execute(sql.format(feed=quoted(feed), time=time, values=values), {"feed": feed})


def quoted(identifier: str) -> str:
    """The identifier as SQL has it."""
    return '"' + identifier.replace('"', '""') + '"'


def _value(name: str, column: Column, field: str, time: str) -> str:
    """A row's column as SQL: a struct of its name and what it is classed by, NULL where it may yet come."""
    value = f"source.{quoted(name)}"
    classed = {
        "number": f"{value}::double",
        "lag": f"(date_diff('second', {time}::timestamp, {value}::timestamp) / 3600)::double",
        "member": f"'=' || {value}",
        "shape": f"'~' || {_SHAPE.format(value)}",
        "hour": f"'@' || hour({value})",
        "filled": f"if({value} is null, null, 'filled')",
    }[column.kind]
    struct = f"{{'column_name': {_literal(name)}, '{field}': {classed}}}"
    if column.comes_with is None:
        return struct
    return f"if({value} is null and source.{quoted(column.comes_with)} is null, null, {struct})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _decided(connection: duckdb.DuckDBPyConnection, feed: Feed, types: Mapping[str, str]) -> dict[str, Column]:
    counted = {name: f"count(distinct {quoted(name)})" for name in types}
    forms = {
        name: f"count(distinct {_SHAPE.format(quoted(name))})" for name, kind in types.items() if kind == "VARCHAR"
    }
    row = connection.execute(
        f"select count(*), {', '.join([*counted.values(), *forms.values()])}"
        f" from (from raw.{quoted(feed.name)} limit {_LOOKED_AT})"
    ).fetchall()[0]
    members = dict(zip(counted, row[1:], strict=False))
    shapes = dict(zip(forms, row[1 + len(counted) :], strict=True))

    def kind(name: str) -> Kind:
        if name == feed.time_column:
            return "hour" if types[name].startswith("TIMESTAMP") else "filled"
        if types[name].startswith(("DATE", "TIMESTAMP")):
            return "lag"
        if types[name] not in ("VARCHAR", "BOOLEAN"):
            return "number"
        if members[name] <= _FEW:
            return "member"
        return "shape" if shapes[name] <= _FEW else "filled"

    kinds = {name: kind(name) for name in types}
    comes_with = _comes_with(connection, feed, kinds)
    return {name: Column(kinds[name], members[name] > _NAMES_ROWS * row[0], comes_with.get(name)) for name in types}


def _comes_with(connection: duckdb.DuckDBPyConnection, feed: Feed, kinds: Mapping[str, Kind]) -> dict[str, str]:
    """The columns that hardly ever have a value while a time is missing, and mostly have one else, with that time."""
    pairs = [
        (name, time)
        for time, its_kind in kinds.items()
        for name, kind in kinds.items()
        if its_kind == "lag" and kind != "lag" and name != feed.time_column
    ]
    if not pairs:
        return {}
    shares = ", ".join(
        f"avg(({quoted(name)} is null)::integer) filter ({quoted(time)} is {missing})"
        for name, time in pairs
        for missing in ("null", "not null")
    )
    found = connection.execute(f"select {shares} from raw.{quoted(feed.name)}").fetchall()[0]
    return {
        name: time
        for (name, time), without, besides in zip(pairs, found[::2], found[1::2], strict=True)
        if without is not None and without >= _HARDLY and besides is not None and besides <= 0.5
    }
