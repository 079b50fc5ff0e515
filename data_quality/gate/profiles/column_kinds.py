"""How the values of each raw column are classed: the warehouse's table `gate.feed_columns`, decided from the values.

It is decided when a column is new or changes its type, when its feed has doubled or halved, or when KPIs start or stop
using the column as a quantity. Else the decision stays, so that counts of different days are comparable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from typing import Any, Literal

import duckdb
import numpy as np
from numpy.typing import NDArray

from data_quality.gate.profiles import numbering
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
alter table gate.feed_columns add column if not exists numbered varchar default 'undecided';
comment on table gate.feed_columns is
'For each raw column: how its values are classed (kind), whether it identifies rows (it has more than half as many
distinct values as rows), the time without which it has no value, the column on whose members its sizes depend most, how
many rows the feed had when this was decided, whether it is an id (it identifies rows, or is the text with most
values), and the column among whose equal values its numbers run on (numbered; empty: among those of a day)';
"""
NO_TIME = "date '1970-01-01'"
"""SQL for the time of rows in a feed without a time column."""
_DIGITS = "regexp_replace(regexp_replace({}, '^([^0-9]*)0+([0-9])', '\\1°\\2'), '[0-9]+', '9', 'g')"
SHAPE = f"replace(regexp_replace({_DIGITS}, '[[:alpha:]]+', 'a', 'g'), '°', '0')"
"""SQL for the form of a text: words become a, numbers 9, and 09 if the first number has leading zeros."""
_MAX_CLASSES = 50  # up to this many members, or forms of text, each is a class of its own
_WAITS_FOR_TIME = 0.99  # share of missing values, while a time is missing, from which a column comes with that time
_SAMPLE_ROWS = 100_000  # rows from which kinds are decided
# A column with more distinct values than this share of rows identifies rows. It is left out when days are compared.
_NAMES_ROWS = 0.5
# The smallest mutual information, in nats, between a column of members and the sizes that depend on it.
_MIN_INFORMATION = 0.05
# A column is a status if it explains more than this part of whether a time is missing (mutual information divided by
# entropy). Sizes don't depend on it, as the newest rows still have other statuses than older ones.
_MAX_STATUS_INFORMATION = 0.3
_SIZE = "if({0} = 0, 0, if(isfinite({0}), sign({0}) * (2000 + floor(log2(abs({0})))), 4000))"


@dataclass(frozen=True)
class Column:
    """How the values of a raw column are classed.

    `names_rows`: it identifies rows. `comes_with`: the later time, such as that of an answer, without which it has no
    value. `depends_on`: the column whose members its sizes depend on most. Both are None if there is none. `is_id`: it
    identifies rows, or is the text with the most values, such as the order number in a feed of order lines. `numbered`:
    its numbers run on among the rows with the same value of that column, or of the same day if it is
    empty (see `numbering.py`); None if they don't.
    """

    kind: Kind
    names_rows: bool
    comes_with: str | None
    depends_on: str | None
    is_id: bool
    numbered: str | None


def columns(connection: duckdb.DuckDBPyConnection, feed: Feed, labels: Collection[str]) -> dict[str, Column]:
    """The raw columns of a feed by name. How they are classed is decided anew if that is due (see the module).

    `labels` are the feed's numeric columns that no KPI uses as a quantity, such as order numbers and line numbers.
    """
    described = connection.execute(f"describe raw.{identifier(feed.name)}").fetchall()
    types = {name: data_type for name, data_type, *_ in described if not name.startswith("_")}
    stored = connection.execute(
        "select column_name, type, kind, names_rows, comes_with, depends_on, is_id, numbered, n_rows"
        " from gate.feed_columns where feed = ?",
        [feed.name],
    ).fetchall()
    (n_rows,) = connection.execute(f"select count(*) from raw.{identifier(feed.name)}").fetchall()[0]
    unchanged = {
        name: Column(kind, names_rows, comes_with, depends_on, is_id, numbered)
        for name, data_type, kind, names_rows, comes_with, depends_on, is_id, numbered, before in stored
        if types.get(name) == data_type
        and before < 2 * n_rows < 4 * before
        and (kind == "number") == _is_quantity(name, data_type, labels)
        and numbered != "undecided"
    }
    still_valid = {
        name: column
        for name, column in unchanged.items()
        if {column.comes_with, column.depends_on, column.numbered or None} <= {None, *unchanged}
        and column.depends_on not in feed.personal
    }
    if still_valid.keys() == types.keys() == {name for name, *_ in stored}:
        return still_valid
    decided = {**_decided(connection, feed, types, labels), **still_valid}
    n_rows_then = {name: before for name, *_, before in stored if name in still_valid}
    connection.execute("delete from gate.feed_columns where feed = ?", [feed.name])
    connection.executemany(
        "insert into gate.feed_columns"
        " (feed, column_name, type, kind, names_rows, comes_with, depends_on, is_id, numbered, n_rows)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (feed.name, name, types[name], *astuple(column), n_rows_then.get(name, n_rows))
            for name, column in decided.items()
        ],
    )
    return decided


def measure(value: str, kind: Kind, time: str) -> str:
    """SQL for the size of a value: the number itself, or of a lag the hours from the row's time `time` to it."""
    if kind == "lag":
        return f"(date_diff('second', {time}::timestamp, {value}::timestamp) / 3600)::double"
    return f"{value}::double"


def _is_quantity(name: str, data_type: str, labels: Collection[str]) -> bool:
    return not data_type.startswith(("VARCHAR", "BOOLEAN", "DATE", "TIMESTAMP")) and name not in labels


def _decided(
    connection: duckdb.DuckDBPyConnection, feed: Feed, types: Mapping[str, str], labels: Collection[str]
) -> dict[str, Column]:
    """Classes all columns of a feed anew. `types` has their data types by name."""
    distinct_values = {name: f"count(distinct {identifier(name)})" for name in types}
    distinct_shapes = {
        name: f"count(distinct {SHAPE.format(identifier(name))})"
        for name, data_type in types.items()
        if data_type == "VARCHAR"
    }
    row = connection.execute(
        f"select count(*), {', '.join([*distinct_values.values(), *distinct_shapes.values()])}"
        f" from (from raw.{identifier(feed.name)} limit {_SAMPLE_ROWS})"
    ).fetchall()[0]
    members = dict(zip(distinct_values, row[1:], strict=False))
    shapes = dict(zip(distinct_shapes, row[1 + len(distinct_values) :], strict=True))

    def kind(name: str) -> Kind:
        if name == feed.time_column:
            return "hour" if types[name].startswith("TIMESTAMP") else "filled"
        if types[name].startswith(("DATE", "TIMESTAMP")):
            return "lag"
        if _is_quantity(name, types[name], labels):
            return "number"
        if members[name] <= _MAX_CLASSES:
            return "member"
        return "shape" if name in shapes and shapes[name] <= _MAX_CLASSES else "filled"

    kinds = {name: kind(name) for name in types}
    names_rows = {name for name in types if members[name] > _NAMES_ROWS * row[0]}
    texts = [name for name in types if types[name] == "VARCHAR" and kinds[name] != "member"]
    ids = names_rows | ({max(texts, key=members.__getitem__)} if texts else set())
    comes_with, depends_on = _comes_with(connection, feed, kinds), _depends_on(connection, feed, kinds)
    numbered: dict[str, str] = {}
    if feed.time_column:
        few = [name for name in types if kinds[name] == "member"]
        many = [name for name in types if name != feed.time_column and (name in ids or kinds[name] == "filled")]
        numbered = numbering.find(connection, feed.name, feed.time_column, few, many, _SAMPLE_ROWS)
    return {
        name: Column(
            kinds[name], name in names_rows, comes_with.get(name), depends_on.get(name), name in ids, numbered.get(name)
        )
        for name in types
    }


def _comes_with(connection: duckdb.DuckDBPyConnection, feed: Feed, kinds: Mapping[str, Kind]) -> dict[str, str]:
    """For each column the time without which it has hardly any value, and with which it mostly has one."""
    pairs = [
        (name, time)
        for time, time_kind in kinds.items()
        for name, kind in kinds.items()
        if time_kind == "lag" and kind != "lag" and name != feed.time_column
    ]
    if not pairs:
        return {}
    shares = ", ".join(
        f"avg(({identifier(name)} is null)::integer) filter ({identifier(time)} is {missing})"
        for name, time in pairs
        for missing in ("null", "not null")
    )
    missing_shares = connection.execute(f"select {shares} from raw.{identifier(feed.name)}").fetchall()[0]
    return {
        name: time
        for (name, time), without_time, with_time in zip(pairs, missing_shares[::2], missing_shares[1::2], strict=True)
        if without_time is not None and without_time >= _WAITS_FOR_TIME and with_time is not None and with_time <= 0.5
    }


def _depends_on(connection: duckdb.DuckDBPyConnection, feed: Feed, kinds: Mapping[str, Kind]) -> dict[str, str]:
    """By column of sizes, the column of members with which it has the most mutual information, if that is enough.

    A status (see _MAX_STATUS_INFORMATION) is never chosen, and neither is a personal column: the statistics would be
    kept by person.
    """
    time = identifier(feed.time_column) if feed.time_column else NO_TIME
    members = [name for name, kind in kinds.items() if kind == "member" and name not in feed.personal]
    information: dict[str, dict[str, float]] = {}
    for name in (name for name, kind in kinds.items() if kind in ("number", "lag")):
        measured = measure(identifier(name), kinds[name], time)
        by_member = {member: _information_of(connection, feed, member, measured) for member in members}
        information[name] = {member: of_sizes for member, (of_sizes, _) in by_member.items()}
        if kinds[name] == "lag":
            members = [member for member in members if by_member[member][1] <= _MAX_STATUS_INFORMATION]
    best = {name: max(members, key=of_sizes.__getitem__, default=None) for name, of_sizes in information.items()}
    return {
        name: member
        for name, member in best.items()
        if member is not None and information[name][member] >= _MIN_INFORMATION
    }


def _information_of(
    connection: duckdb.DuckDBPyConnection, feed: Feed, member: str, measured: str
) -> tuple[float, float]:
    """The mutual information between the column `member` and the sizes (in nats), and that between `member` and whether
    a size is missing (as a fraction of the latter's entropy). `measured` is SQL for the size.
    """
    counts = connection.execute(
        f"select measured is null as missing, if(missing, 0, {_SIZE.format('measured')}) as size,"
        f" coalesce('=' || member, 'null') as member, count(*) as n"
        f" from (select {measured} as measured, {identifier(member)} as member from raw.{identifier(feed.name)}"
        f" limit {_SAMPLE_ROWS}) group by all"
    ).fetchnumpy()
    missing, size, member_names, n = (np.asarray(column) for column in counts.values())
    entropy = _information(missing, missing, n)
    of_missing = _information(missing, member_names, n) / entropy if entropy > 0 else 0.0
    return _information(size[~missing], member_names[~missing], n[~missing]), of_missing


def _information(first: NDArray[Any], second: NDArray[Any], n: NDArray[Any]) -> float:
    """The mutual information of two classifications in nats, minus its expected value by chance (Miller-Madow).

    The arrays have one element per combination: its class in each classification and its number of rows.
    """
    if not n.sum():
        return 0.0
    _, first_index = np.unique(first, return_inverse=True)
    _, second_index = np.unique(second, return_inverse=True)
    shares = np.zeros((first_index.max() + 1, second_index.max() + 1))
    np.add.at(shares, (first_index, second_index), n / n.sum())
    if_independent = shares.sum(axis=1, keepdims=True) @ shares.sum(axis=0, keepdims=True)
    positive = shares > 0
    by_chance = (shares.shape[0] - 1) * (shares.shape[1] - 1) / (2 * n.sum())
    return float((shares[positive] * np.log(shares[positive] / if_independent[positive])).sum() - by_chance)
