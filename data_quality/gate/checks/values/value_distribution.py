"""`value_distribution`: are the values of a column that the KPI reads spread as in the feed's past year?

Each week or month is held against the one of the past year that is most like it. What is usual is how far each of the
year's own was from the one most like it, so that neither trend nor season is news.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from data_quality.gate.checks.blocks import BY_KEY, FARTHEST, NEAREST, THIN
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.likeness import beyond_chance, freedom, is_past, unlikeness
from data_quality.gate.checks.series import Numbers, plain

# A missing time may yet come: of a lag, NULL is a class like others. What differs among the rows of one member of the
# column that sizes depend on is lost among those of all: the whole, and each member by itself.
_DISTRIBUTIONS = """
with counted as (
    select *, sum(n_rows) over (partition by feed, column_name, grain, block) as n_block
    from column_blocks
    where class <> 'null' or kind = 'lag'
)
select c.feed, c.column_name, c.kind, c.depends_on, c.grain, c.member, grouping(c.member) = 1 as is_whole,
    date_diff('day', date '1970-01-01', any_value(f.watermark)) as watermark,
    list(date_diff('day', date '1970-01-01', c.block)) as days, list(c.n_block) as n_block,
    list(c.class) as classes, list(c.n_rows) as n_rows, list(coalesce(c.total, 0)) as total
from counted c
join feeds f using (feed)
group by feed, c.column_name, c.kind, c.depends_on, c.grain, rollup (c.member)
having is_whole or c.member is not null
"""
_JUDGED = pa.schema(
    [
        ("feed", pa.string()),
        ("column_name", pa.string()),
        ("member", pa.string()),
        ("grain", pa.string()),
        ("weight", pa.string()),
        ("day", pa.int32()),
        ("n_rows", pa.float64()),
        ("figure", pa.float64()),
        ("told", pa.string()),
    ]
)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The share of rows, or of a number's sum, that would have to be of another class for a block to be like the
    year's block most like it; beyond what is usual and what chance makes. Of the rows of one member a share of all
    rows.
    """
    (first,) = connection.execute(
        "select date_diff('day', date '1970-01-01', min(period_start)) from spans"
    ).fetchall()[0]
    found: dict[str, list[Any]] = {name: [] for name in _JUDGED.names}
    for column in connection.execute(_DISTRIBUTIONS).df().itertuples(index=False):
        for weight in ("n_rows", "total") if column.kind == "number" and column.is_whole else ("n_rows",):
            for block in _judged(column, weight, first):
                member = None if column.is_whole else column.member
                place = (column.feed, column.column_name, member, column.grain, weight)
                for name, value in zip(_JUDGED.names, (*place, *block), strict=True):
                    found[name].append(value)
    connection.register("judged_blocks", pa.table(found, schema=_JUDGED))
    try:
        judged = "judged as (select *, date '1970-01-01' + day as block from judged_blocks)"
        return connection.execute(f"with {judged},{BY_KEY}").df()
    finally:
        connection.unregister("judged_blocks")


def _judged(column: Any, weight: str, first: int) -> Iterator[tuple[int, float, float, str]]:
    """Of each block of a row of _DISTRIBUTIONS that begins from `first` on and can be judged: day, the block's rows
    with those of other members, figure, told.
    """
    days, at = np.unique(column.days, return_inverse=True)
    classes, of = np.unique(column.classes, return_inverse=True)
    rows, weights = np.zeros((2, len(days), len(classes)))
    np.add.at(rows, (at, of), column.n_rows)
    np.add.at(weights, (at, of), column.n_rows if weight == "n_rows" else column.total)
    n_rows, n_in_all = rows.sum(axis=1), np.zeros(len(days))
    n_in_all[at] = column.n_block
    there = (weights.sum(axis=1) > 0) & (n_rows >= THIN * np.median(n_rows))
    if not there.any():
        return
    days, rows, weights, n_rows, n_in_all = days[there], rows[there], weights[there], n_rows[there], n_in_all[there]
    ages = column.watermark - days - (6 if column.grain == "week" else 30)
    hours = np.array([_size(class_) if column.kind == "lag" else 0 for class_ in classes])
    to_come = (np.maximum(2 * hours, 0) > 24 * ages[:, None]) & (column.kind == "lag")
    past, shares = is_past(days), weights / weights.sum(axis=1, keepdims=True)
    distance, nearest, usual = unlikeness(past, shares, to_come)
    figure = beyond_chance(distance, usual, n_rows * freedom(past, rows, weights))
    whole_year = days - days[0] >= FARTHEST - NEAREST  # before that, a season may be the first of its kind
    for one in np.flatnonzero(~np.isnan(usual) & whole_year & (days >= first)):
        told = _told(shares[one], shares[nearest[one]], classes.tolist(), weight) if figure[one] > 0 else ""
        if told and not column.is_whole:
            told += f", of what has {named(column.member)} as {column.depends_on}"
        yield int(days[one]), float(n_in_all[one]), float(figure[one] * n_rows[one] / n_in_all[one]), told


def _size(found: str) -> float:
    """What a class of lags is about, in hours; infinity where there is none (yet)."""
    if found[0] in "+-":
        return (1 if found[0] == "+" else -1) * 2.0 ** int(found[1:])
    return 0.0 if found == "0" else np.inf


def _told(here: Numbers, there: Numbers, classes: Sequence[str], weight: str) -> str:
    """Which class differs most from the most similar block's."""
    most = int(np.abs(here - there).argmax())
    of = "rows" if weight == "n_rows" else "sum"
    return (
        f" of the {of} differs from the most similar past week or month: {named(str(classes[most]))} make up"
        f" {here[most]:.0%}, and were {there[most]:.0%} there"
    )


def named(found: str) -> str:
    """A class in words. A member is a cell of the source, so it isn't named: the words may be published."""
    if found[0] == "=":
        return "one member"
    if found[0] == "~":
        return f"text like '{found[1:]}'"
    if found[0] == "@":
        return f"times at {found[1:]} o'clock"
    if found[0] in "+-":
        return f"numbers around {found[0].strip('+')}{plain(2.0 ** int(found[1:]))}"
    return {"0": "nought", "null": "no value"}.get(found, "any value")


CHECK = Check(
    figure,
    "The values of the columns that the KPI reads are spread as in some week or month of the past year.",
    "values are unlike those of the past year",
    flag=0.005,
    hold=0.05,
    by_chance=True,
)
