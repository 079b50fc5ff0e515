"""`value_distribution`: how far the distribution of a column's values is from the most similar one of the past year.

The unit is a block, a week or a month of a feed (see `blocks.py`). A distribution is given by the shares of classes of
values, such as the members of a column or orders of magnitude (see `profiles/column_statistics.py`). The distance is
the total variation distance: the share of rows, or of a number's sum, whose class would have to change for the two
blocks to be equal. The figure is the part of it beyond the usual distance and beyond chance. The usual distance is the
largest one of the blocks of the past year from their own most similar block, so that trends and seasons are expected.
A class without a row that every block of the past year had counts with its smallest share there, whatever the usual
distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from data_quality.gate.checks.blocks import FIGURE_BY_KEY, MAX_DAYS_BEFORE, MIN_DAYS_BEFORE, MIN_SHARE_OF_ROWS
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.likeness import beyond_chance, freedom, is_past, lost, unlikeness
from data_quality.gate.checks.series import Numbers, readable

# One row per column and grain for all rows together (`is_whole`), and one per member of the column on which its sizes
# depend: a fault in the rows of one member may not show in the whole. NULL is left out, as `missing_values` judges it,
# except in a lag: there it is a class, as the time may still come.
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
        ("explanation", pa.string()),
    ]
)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key, as described above. Of one member it is a share of the rows of all members."""
    (first,) = connection.execute(
        "select date_diff('day', date '1970-01-01', min(period_start)) from spans"
    ).fetchall()[0]
    judged_blocks: dict[str, list[Any]] = {name: [] for name in _JUDGED.names}
    for column in connection.execute(_DISTRIBUTIONS).df().itertuples(index=False):
        for weight in ("n_rows", "total") if column.kind == "number" and column.is_whole else ("n_rows",):
            for block in _judged(column, weight, first):
                member = None if column.is_whole else column.member
                block_key = (column.feed, column.column_name, member, column.grain, weight)
                for name, value in zip(_JUDGED.names, (*block_key, *block), strict=True):
                    judged_blocks[name].append(value)
    connection.register("judged_blocks", pa.table(judged_blocks, schema=_JUDGED))
    try:
        judged = "judged as (select *, date '1970-01-01' + day as block from judged_blocks)"
        return connection.execute(f"with {judged},{FIGURE_BY_KEY}").df()
    finally:
        connection.unregister("judged_blocks")


def _judged(column: Any, weight: str, first: int) -> Iterator[tuple[int, float, float, str]]:
    """The blocks that can be judged and begin on or after the day `first`, from one row of _DISTRIBUTIONS.

    Yields the block's first day, its number of rows of all members, figure and explanation. Days are numbered from
    1970-01-01. `weight` is "n_rows" for shares of rows, "total" for shares of the column's sum.
    """
    days, day_index = np.unique(column.days, return_inverse=True)
    classes, class_index = np.unique(column.classes, return_inverse=True)
    rows, weights = np.zeros((2, len(days), len(classes)))
    np.add.at(rows, (day_index, class_index), column.n_rows)
    np.add.at(weights, (day_index, class_index), column.n_rows if weight == "n_rows" else column.total)
    n_rows, n_in_all = rows.sum(axis=1), np.zeros(len(days))
    n_in_all[day_index] = column.n_block
    large = (weights.sum(axis=1) > 0) & (n_rows >= MIN_SHARE_OF_ROWS * np.median(n_rows))
    if not large.any():
        return
    days, rows, weights, n_rows, n_in_all = days[large], rows[large], weights[large], n_rows[large], n_in_all[large]
    ages = column.watermark - days - (6 if column.grain == "week" else 30)
    hours = np.array([_hours(class_) if column.kind == "lag" else 0 for class_ in classes])
    to_come = (np.maximum(2 * hours, 0) > 24 * ages[:, None]) & (column.kind == "lag")
    past, shares = is_past(days), weights / weights.sum(axis=1, keepdims=True)
    distance, nearest, usual = unlikeness(past, shares, to_come)
    figure = beyond_chance(distance, usual, n_rows * freedom(past, rows, weights))
    figure = np.maximum(figure, lost(past, shares, to_come, n_rows))
    whole_year = days - days[0] >= MAX_DAYS_BEFORE - MIN_DAYS_BEFORE  # else the season may be the first of its kind
    for block in np.flatnonzero(~np.isnan(usual) & whole_year & (days >= first)):
        explanation = ""
        if figure[block] > 0:
            explanation = _explanation(shares[block], shares[nearest[block]], classes.tolist(), weight)
            if not column.is_whole:
                explanation += f", among rows with {named(column.member)} of {column.depends_on}"
        share_of_all = figure[block] * n_rows[block] / n_in_all[block]
        yield int(days[block]), float(n_in_all[block]), float(share_of_all), explanation


def _hours(lag_class: str) -> float:
    """The size of a class of lags, in hours; infinity where the time is missing (yet)."""
    if lag_class[0] in "+-":
        return (1 if lag_class[0] == "+" else -1) * 2.0 ** int(lag_class[1:])
    return 0.0 if lag_class == "0" else np.inf


def _explanation(here: Numbers, there: Numbers, classes: Sequence[str], weight: str) -> str:
    """Names the class whose share differs most from that in the most similar block; continues "1.5 %"."""
    most = int(np.abs(here - there).argmax())
    whole = "rows" if weight == "n_rows" else "sum"
    return (
        f" of the {whole} differs from the most similar past week or month: {named(str(classes[most]))} make up"
        f" {here[most]:.0%}, and were {there[most]:.0%} there"
    )


def named(value_class: str) -> str:
    """A class in words. A member is a cell of the source, so it isn't named: the words may be published."""
    if value_class[0] == "=":
        return "one member"
    if value_class[0] == "~":
        return f"text like '{value_class[1:]}'"
    if value_class[0] == "@":
        return f"times at {value_class[1:]} o'clock"
    if value_class[0] in "+-":
        return f"numbers around {value_class[0].strip('+')}{readable(2.0 ** int(value_class[1:]))}"
    return {"0": "zero", "null": "no value"}.get(value_class, "any value")


CHECK = Check(
    figure,
    "In every column that the KPI reads, the values are distributed as in some week or month of the past year.",
    "values are unlike those of the past year",
    flag=0.005,
    hold=0.05,
    by_chance=True,
)
