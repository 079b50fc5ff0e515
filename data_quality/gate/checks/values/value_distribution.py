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
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from data_quality.gate.checks.blocks import MAX_DAYS_BEFORE, MIN_DAYS_BEFORE, MIN_SHARE_OF_ROWS, figure_by_key_sql
from data_quality.gate.checks.check import Check
from data_quality.gate.checks.likeness import beyond_chance, effective_fraction, is_past, largest_lost_share, unlikeness
from data_quality.gate.checks.series import Numbers, readable
from data_quality.warehouse import put

if TYPE_CHECKING:
    import pandas as pd

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
_JUDGED = """
feed varchar, column_name varchar, member varchar, grain varchar, share_of varchar, day integer, n_rows double,
figure double, explanation varchar
"""


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key, as described above. Of one member it is a share of the rows of all members."""
    (first,) = connection.execute(
        "select date_diff('day', date '1970-01-01', min(period_start)) from spans"
    ).fetchall()[0]
    judged_blocks: list[tuple[Any, ...]] = []
    for column in connection.execute(_DISTRIBUTIONS).df().itertuples(index=False):
        member = None if column.is_whole else column.member
        for share_of in ("n_rows", "total") if column.kind == "number" and column.is_whole else ("n_rows",):
            block_key = (column.feed, column.column_name, member, column.grain, share_of)
            judged_blocks += [(*block_key, *block) for block in _judged_blocks(column, share_of, first)]
    put(connection, "judged_blocks", _JUDGED, judged_blocks)
    judged = "judged as (select *, date '1970-01-01' + day as block from judged_blocks)"
    return connection.execute(f"with {judged},{figure_by_key_sql()}").df()


def _judged_blocks(column: Any, share_of: str, first: int) -> Iterator[tuple[int, float, float, str]]:
    """Compares each week or month ("block") of one column with the most similar one of its past year.

    `column` is a row of _DISTRIBUTIONS: the whole column, or its rows of one member. Shares are those of the rows
    (`share_of` "n_rows") or of the column's sum ("total"). Yields for each block from the day `first` on: its first
    day, the number of rows of the whole column in it, the figure (as a share of the whole column) and the explanation.
    Blocks with too few rows or too little past are left out. Days are numbered from 1970-01-01.
    """
    first_days, day_index = np.unique(column.days, return_inverse=True)
    classes, class_index = np.unique(column.classes, return_inverse=True)
    rows, weights = np.zeros((2, len(first_days), len(classes)))
    np.add.at(rows, (day_index, class_index), column.n_rows)
    np.add.at(weights, (day_index, class_index), column.n_rows if share_of == "n_rows" else column.total)
    n_rows, n_in_all = rows.sum(axis=1), np.zeros(len(first_days))
    n_in_all[day_index] = column.n_block
    large = (weights.sum(axis=1) > 0) & (n_rows >= MIN_SHARE_OF_ROWS * np.median(n_rows))
    if not large.any():
        return
    first_days, rows, weights = first_days[large], rows[large], weights[large]
    n_rows, n_in_all = n_rows[large], n_in_all[large]
    days_since_end = column.watermark - first_days - (6 if column.grain == "week" else 30)
    hours = np.array([_hours(value_class) if column.kind == "lag" else 0 for value_class in classes])
    to_come = (np.maximum(2 * hours, 0) > 24 * days_since_end[:, None]) & (column.kind == "lag")
    past, shares = is_past(first_days), weights / weights.sum(axis=1, keepdims=True)
    distance, nearest, usual = unlikeness(past, shares, to_come)
    figures = beyond_chance(distance, usual, n_rows * effective_fraction(past, rows, weights))
    figures = np.maximum(figures, largest_lost_share(past, shares, to_come, n_rows))
    # Without a whole year before it, the block's season may be the first of its kind.
    whole_year = first_days - first_days[0] >= MAX_DAYS_BEFORE - MIN_DAYS_BEFORE
    for block in np.flatnonzero(~np.isnan(usual) & whole_year & (first_days >= first)):
        explanation = ""
        if figures[block] > 0:
            explanation = _explanation(
                shares[block], shares[nearest[block]], classes.tolist(), share_of, column.grain, int(first_days[block])
            )
            if not column.is_whole:
                explanation += f", among rows with {class_in_words(column.member)} of {column.depends_on}"
        share_of_all = figures[block] * n_rows[block] / n_in_all[block]
        yield int(first_days[block]), float(n_in_all[block]), float(share_of_all), explanation


def _hours(lag_class: str) -> float:
    """The size of a class of lags, in hours; infinity where the time is missing (yet)."""
    if lag_class[0] in "+-":
        return (1 if lag_class[0] == "+" else -1) * 2.0 ** int(lag_class[1:])
    return 0.0 if lag_class == "0" else np.inf


def _explanation(
    here: Numbers, there: Numbers, classes: Sequence[str], share_of: str, grain: str, first_day: int
) -> str:
    """Names the class whose share differs most from that in the most similar block; continues "1.5 %".

    Of a longer period, the weeks are judged together (see `blocks.py`), so the week is named.
    """
    changed_most = int(np.abs(here - there).argmax())
    name = class_in_words(str(classes[changed_most]))
    counted = "rows" if share_of == "n_rows" else "sum"
    extent, place = "the month", ""
    if grain == "week":
        extent, place = "whole weeks", f"in the week of {date(1970, 1, 1) + timedelta(first_day)}, "
    return (
        f" of the {counted} of {extent} differs from the most similar past {grain}: {place}{name} make up"
        f" {here[changed_most]:.0%}, and were {there[changed_most]:.0%} there"
    )


def class_in_words(value_class: str) -> str:
    """A class in words. A member is a cell of the source, so it isn't named: the words may be published."""
    if value_class[0] == "=":
        return "one member"
    if value_class[0] == "~":
        return f"text like '{value_class[1:]}'"
    if value_class[0] == "@":
        return f"times at {value_class[1:]} o'clock"
    if value_class[0] in "+-":
        size = float(f"{2.0 ** int(value_class[1:]):.2g}")  # classes are powers of two, so the number isn't exact
        return f"numbers of about {value_class[0].strip('+')}{readable(size)}"
    return {"0": "zero", "null": "no value"}.get(value_class, "any value")


CHECK = Check(
    __name__,
    figure,
    "In every column that the KPI reads, the values are distributed as in some week or month of the past year.",
    "values are unlike those of the past year",
    flag=0.005,
    hold=0.05,
    by_chance=True,
)
