"""How a raw column's values are looked at: the warehouse's table `gate.feed_columns`, decided from its values.

Decided when a column is new, its feed has doubled or halved, or KPIs begin or end to take it for a size; else it stays,
so that what is counted by it stays comparable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from metrics.core.quoting import identifier
from metrics.definitions.feeds import Feed

Kind = Literal["member", "shape", "number", "lag", "hour", "filled"]

TABLE = """
create schema if not exists gate;
create table if not exists gate.feed_columns (
    feed varchar not null,
    column_name varchar not null,
    type varchar not null,
    kind varchar not null,
    names_rows boolean not null,
    comes_with varchar,
    depends_on varchar,
    n_rows bigint not null
);
alter table gate.feed_columns add column if not exists is_id boolean;
comment on table gate.feed_columns is
'How a column''s values are classed, whether it names rows (nearly every row has a value of its own), the time that it
comes with, where it is filled later, the column on whose members its sizes depend most, how many rows the feed had
when that was decided, and whether it is an id (it names rows, or of the texts it has the most values)';
"""
NO_TIME = "date '1970-01-01'"
"""SQL for the time of rows that have none."""
_DIGITS = "regexp_replace(regexp_replace({}, '^([^0-9]*)0+([0-9])', '\\1°\\2'), '[0-9]+', '9', 'g')"
SHAPE = f"replace(regexp_replace({_DIGITS}, '[[:alpha:]]+', 'a', 'g'), '°', '0')"
"""SQL for the form of a text: letters are a, digits 9, and 09 where its first number begins with noughts."""
_FEW = 50  # members, or forms of text, up to which each is a class of its own
_HARDLY = 0.99  # share of missing values from which a column is taken to wait for a time
_LOOKED_AT = 100_000  # rows from which kinds are decided
# A column in which nearly every row differs names rows; it says nothing of whether two days are alike.
_NAMES_ROWS = 0.5
# So many nats a column of members tells at least of the sizes that depend on it.
_TELLS = 0.05
# A column that tells so much of whether a time is there is a status: of its rows the newest aren't like older ones yet.
_IS_STATUS = 0.3
_SIZE = "if({0} = 0, 0, if(isfinite({0}), sign({0}) * (2000 + floor(log2(abs({0})))), 4000))"


@dataclass(frozen=True)
class Column:
    """How a raw column is looked at. `comes_with` is the later time without which it has no value, such as that of an
    answer, `depends_on` the column whose members its sizes depend on most; None where there is none. `is_id` says that
    it names rows or, of the texts, has the most values, such as the number of an order whose lines are the rows.
    """

    kind: Kind
    names_rows: bool
    comes_with: str | None
    depends_on: str | None
    is_id: bool


def columns(connection: duckdb.DuckDBPyConnection, feed: Feed, labels: Collection[str]) -> dict[str, Column]:
    """The raw columns of a feed, each decided anew when that is due.

    `labels` are numeric ones that no KPI takes for a size, as keys and line numbers.
    """
    described = connection.execute(f"describe raw.{identifier(feed.name)}").fetchall()
    types = {name: kind for name, kind, *_ in described if not name.startswith("_")}
    known = connection.execute(
        "select column_name, type, kind, names_rows, comes_with, depends_on, is_id, n_rows from gate.feed_columns"
        " where feed = ?",
        [feed.name],
    ).fetchall()
    (n_rows,) = connection.execute(f"select count(*) from raw.{identifier(feed.name)}").fetchall()[0]
    same = {
        name: Column(kind, names_rows, comes_with, depends_on, is_id)
        for name, its_type, kind, names_rows, comes_with, depends_on, is_id, before in known
        if types.get(name) == its_type
        and before < 2 * n_rows < 4 * before
        and (kind == "number") == _is_size(name, its_type, labels)
        and is_id is not None
    }
    kept = {
        name: one
        for name, one in same.items()
        if {one.comes_with, one.depends_on} <= {None, *same} and one.depends_on not in feed.personal
    }
    if kept.keys() == types.keys() == {name for name, *_ in known}:
        return kept
    decided = {**_decided(connection, feed, types, labels), **kept}
    n_rows_then = {name: before for name, *_, before in known if name in kept}
    connection.execute("delete from gate.feed_columns where feed = ?", [feed.name])
    connection.executemany(
        "insert into gate.feed_columns"
        " (feed, column_name, type, kind, names_rows, comes_with, depends_on, is_id, n_rows)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(feed.name, name, types[name], *astuple(one), n_rows_then.get(name, n_rows)) for name, one in decided.items()],
    )
    return decided


def measure(value: str, kind: Kind, time: str) -> str:
    """What is measured of a column, as SQL: a number, or of a lag the hours after the row's time."""
    if kind == "lag":
        return f"(date_diff('second', {time}::timestamp, {value}::timestamp) / 3600)::double"
    return f"{value}::double"


def _is_size(name: str, its_type: str, labels: Collection[str]) -> bool:
    return not its_type.startswith(("VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP")) and name not in labels


def _decided(
    connection: duckdb.DuckDBPyConnection, feed: Feed, types: Mapping[str, str], labels: Collection[str]
) -> dict[str, Column]:
    counted = {name: f"count(distinct {identifier(name)})" for name in types}
    forms = {
        name: f"count(distinct {SHAPE.format(identifier(name))})" for name, kind in types.items() if kind == "VARCHAR"
    }
    row = connection.execute(
        f"select count(*), {', '.join([*counted.values(), *forms.values()])}"
        f" from (from raw.{identifier(feed.name)} limit {_LOOKED_AT})"
    ).fetchall()[0]
    members = dict(zip(counted, row[1:], strict=False))
    shapes = dict(zip(forms, row[1 + len(counted) :], strict=True))

    def kind(name: str) -> Kind:
        if name == feed.time_column:
            return "hour" if types[name].startswith("TIMESTAMP") else "filled"
        if types[name].startswith(("DATE", "TIMESTAMP")):
            return "lag"
        if _is_size(name, types[name], labels):
            return "number"
        if members[name] <= _FEW:
            return "member"
        return "shape" if name in shapes and shapes[name] <= _FEW else "filled"

    kinds = {name: kind(name) for name in types}
    names_rows = {name for name in types if members[name] > _NAMES_ROWS * row[0]}
    texts = [name for name in types if types[name] == "VARCHAR" and kinds[name] != "member"]
    ids = names_rows | ({max(texts, key=members.__getitem__)} if texts else set())
    comes_with, depends_on = _comes_with(connection, feed, kinds), _depends_on(connection, feed, kinds)
    return {
        name: Column(kinds[name], name in names_rows, comes_with.get(name), depends_on.get(name), name in ids)
        for name in types
    }


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
        f"avg(({identifier(name)} is null)::integer) filter ({identifier(time)} is {missing})"
        for name, time in pairs
        for missing in ("null", "not null")
    )
    found = connection.execute(f"select {shares} from raw.{identifier(feed.name)}").fetchall()[0]
    return {
        name: time
        for (name, time), without, besides in zip(pairs, found[::2], found[1::2], strict=True)
        if without is not None and without >= _HARDLY and besides is not None and besides <= 0.5
    }


def _depends_on(connection: duckdb.DuckDBPyConnection, feed: Feed, kinds: Mapping[str, Kind]) -> dict[str, str]:
    """The columns of sizes of which a column of members tells something, each with the one that tells most.

    A status that tells whether a time is there is none, and no personal column: what depends on it would be told by
    person.
    """
    time = identifier(feed.time_column) if feed.time_column else NO_TIME
    members = [name for name, kind in kinds.items() if kind == "member" and name not in feed.personal]
    told: dict[str, dict[str, float]] = {}
    for name in (name for name, kind in kinds.items() if kind in ("number", "lag")):
        measured = measure(identifier(name), kinds[name], time)
        found = {member: _told_by(connection, feed, member, measured) for member in members}
        told[name] = {member: of_sizes for member, (of_sizes, _) in found.items()}
        if kinds[name] == "lag":
            members = [member for member in members if found[member][1] <= _IS_STATUS]
    most = {name: max(members, key=found.__getitem__, default=None) for name, found in told.items()}
    return {name: member for name, member in most.items() if member is not None and told[name][member] >= _TELLS}


def _told_by(connection: duckdb.DuckDBPyConnection, feed: Feed, member: str, measured: str) -> tuple[float, float]:
    """What the members tell of the sizes, in nats, and which part of what there is to tell of where there are none."""
    counted = connection.execute(
        f"select measured is null as missing, if(missing, 0, {_SIZE.format('measured')}) as size,"
        f" coalesce('=' || member, 'null') as member, count(*) as n"
        f" from (select {measured} as measured, {identifier(member)} as member from raw.{identifier(feed.name)}"
        f" limit {_LOOKED_AT}) group by all"
    ).fetchnumpy()
    missing, size, of, n = (np.asarray(one) for one in counted.values())
    entropy = _information(missing, missing, n)
    waits = _information(missing, of, n) / entropy if entropy > 0 else 0.0
    return _information(size[~missing], of[~missing], n[~missing]), waits


def _information(one: NDArray[Any], other: NDArray[Any], n: NDArray[Any]) -> float:
    """The mutual information of two classings of `n` rows each, less what so many would have by chance."""
    if not n.sum():
        return 0.0
    _, at = np.unique(one, return_inverse=True)
    _, of = np.unique(other, return_inverse=True)
    shares = np.zeros((at.max() + 1, of.max() + 1))
    np.add.at(shares, (at, of), n / n.sum())
    alone = shares.sum(axis=1, keepdims=True) @ shares.sum(axis=0, keepdims=True)
    there = shares > 0
    by_chance = (shares.shape[0] - 1) * (shares.shape[1] - 1) / (2 * n.sum())
    return float((shares[there] * np.log(shares[there] / alone[there])).sum() - by_chance)
