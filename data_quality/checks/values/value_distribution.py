"""`value_distribution`: are the values of a column that the KPI reads spread as in the feed's past year?

What is usual is how far each of the year's blocks was from the block most like it, so that neither trend nor season is
news.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data_quality.checks.blocks import BY_CHANCE, BY_KEY, FARTHEST, FEWEST, NEAREST
from data_quality.checks.check import Check
from data_quality.checks.series import Numbers

# So many standard deviations of a share of so few rows are hardly chance.
_CERTAIN = 3.0
_A_ROW_OR_TWO = 2.0
# A block of less than this part of the rows that blocks have as a rule says nothing, neither of what is usual nor of
# whether it is.
_THIN = 0.1

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
    year's block most like it; beyond what is usual and what chance makes. Or, where that is more, the share that
    classes have beyond the most that they had, or that lies beyond a size where hardly anything lay.

    Of the rows of one member it is those beyond, as a share of all rows.
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
    blocks = _blocks(column, weight)
    if not len(blocks.days):
        return
    days, past, shares, to_come, n_free = blocks.days, blocks.past, blocks.shares, blocks.to_come, blocks.n_free
    distance, nearest, usual = unlikeness(past, shares, to_come)
    unlike = distance - usual - BY_CHANCE * np.sqrt(usual * (1 - usual) / n_free)
    beyond = beyond_most(past, shares, to_come, n_free)
    if column.kind in ("number", "lag"):
        beyond = np.maximum(beyond, beyond_sizes(past, shares, to_come, n_free))
    figure = np.maximum(np.maximum(unlike, beyond - usual_beyond(days, past, beyond)), 0)
    of_all = figure * blocks.n_rows / blocks.n_in_all
    whole_year = days - days[0] >= FARTHEST - NEAREST  # before that, a season may be the first of its kind
    for one in np.flatnonzero(~np.isnan(usual) & whole_year & (days >= first)):
        told = _told(shares[one], shares[nearest[one]], blocks.classes, weight) if figure[one] > 0 else ""
        if told and not column.is_whole:
            told += f", of what has {named(column.member)} as {column.depends_on}"
        yield int(days[one]), float(blocks.n_in_all[one]), float(of_all[one]), told


@dataclass(frozen=True)
class _Blocks:
    """A column's blocks in the order of time, `days` being their first ones.

    Classes are in the order of size where they have any; `shares` and `to_come` have a row for each block and a column
    for each class, `past` is what `is_past` says. Each block has `n_rows`, with those of other members `n_in_all`, and
    as to chance `n_free` count.
    """

    days: NDArray[np.int64]
    classes: NDArray[np.str_]
    past: NDArray[np.bool_]
    shares: Numbers
    to_come: NDArray[np.bool_]
    n_rows: Numbers
    n_in_all: Numbers
    n_free: Numbers


def _blocks(column: Any, weight: str) -> _Blocks:
    """The blocks of a row of _DISTRIBUTIONS that have more than hardly any rows."""
    days, at = np.unique(column.days, return_inverse=True)
    classes, of = np.unique(column.classes, return_inverse=True)
    sizes = np.array([_size(one) if column.kind in ("number", "lag") else 0 for one in classes])
    in_order = np.argsort(sizes, kind="stable")
    rows, weights = np.zeros((2, len(days), len(classes)))
    np.add.at(rows, (at, of), column.n_rows)
    np.add.at(weights, (at, of), column.n_rows if weight == "n_rows" else column.total)
    n_rows, n_in_all = rows.sum(axis=1), np.zeros(len(days))
    n_in_all[at] = column.n_block
    there = (weights.sum(axis=1) > 0) & (n_rows >= _THIN * np.median(n_rows))
    days, n_rows, n_in_all = days[there], n_rows[there], n_in_all[there]
    rows, weights, sizes = rows[there][:, in_order], weights[there][:, in_order], sizes[in_order]
    ages = column.watermark - days - (6 if column.grain == "week" else 30)
    to_come = (np.maximum(2 * sizes, 0) > 24 * ages[:, None]) & (column.kind == "lag")
    past = is_past(days)
    shares = weights / weights.sum(axis=1, keepdims=True)
    n_free = n_rows * _freedom(past, rows, weights)
    return _Blocks(days, classes[in_order], past, shares, to_come, n_rows, n_in_all, n_free)


def _freedom(past: NDArray[np.bool_], rows: Numbers, weights: Numbers) -> Numbers:
    """Which part of the rows counts as to chance: all of them, but of a sum those with large values count for more.

    As a rule in the past, so that a few values that are far too large are no excuse for themselves.
    """
    sizes = weights / np.where(rows > 0, rows, 1)
    effective = weights.sum(axis=1) ** 2 / (weights * sizes).sum(axis=1) / rows.sum(axis=1)
    known = past.any(axis=1)
    effective[known] = np.nanmedian(np.where(past[known], effective, np.nan), axis=1)
    free: Numbers = np.clip(effective, 0, 1)
    return free


def _size(found: str) -> float:
    """What a class of sizes is about, infinity where there is none (yet)."""
    if found[0] in "+-":
        return (1 if found[0] == "+" else -1) * 2.0 ** int(found[1:])
    return 0.0 if found == "0" else np.inf


def is_past(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each block (rows) which ones (columns) it is held against."""
    ago = days[:, None] - days[None, :]
    return (ago >= NEAREST) & (ago <= FARTHEST)


def beyond_most(past: NDArray[np.bool_], shares: Numbers, to_come: NDArray[np.bool_], n_rows: Numbers) -> Numbers:
    """How much of each block is of classes that have more than their most in the year before, and more than chance; or,
    where that is more, how much is lacking of those that have less than their least.

    Where rows are few, no block is like another; but a class that never had a row and has many tells. The arguments
    are those of `unlikeness`, and how many rows of each block count.
    """
    more, less = (np.where(to_come, 0, found) for found in _outside(past, shares, *_extremes(past, shares), n_rows))
    waiting = to_come @ shares.T
    most = np.where(past, waiting, -np.inf).max(axis=1, keepdims=True)
    least = np.where(past, waiting, np.inf).min(axis=1, keepdims=True)
    now_waiting = np.diagonal(waiting)[:, None]
    waits_more, waits_less = _outside(past, now_waiting, most, least, n_rows)
    beyond: Numbers = np.maximum(np.hstack([more, waits_more]).sum(axis=1), np.hstack([less, waits_less]).sum(axis=1))
    return beyond


def beyond_sizes(past: NDArray[np.bool_], shares: Numbers, to_come: NDArray[np.bool_], n_rows: Numbers) -> Numbers:
    """How much of each block lies below or above a size, more than the most in the year before, and more than chance.

    The classes are in the order of size. What is wrong with a few rows may leave each in a class of its own.
    """
    smaller = np.cumsum(shares, axis=1)
    more, less = _outside(past, smaller, *_extremes(past, smaller), n_rows)
    beyond: Numbers = np.where(to_come, 0, np.maximum(more, less)).max(axis=1)
    return beyond


def usual_beyond(days: NDArray[np.int64], past: NDArray[np.bool_], beyond: Numbers) -> Numbers:
    """What the year's own blocks were beyond theirs, of which half a year was known, so that a trend is no news.

    The third greatest, as what was wrong with one or two of them excuses nothing.
    """
    told = past & (days - days[0] >= FARTHEST // 2)[None, :]
    greatest = np.sort(np.pad(np.where(told, beyond, 0), ((0, 0), (3, 0))), axis=1)
    usual: Numbers = greatest[:, -3]
    return usual


def _extremes(past: NDArray[np.bool_], values: Numbers) -> tuple[Numbers, Numbers]:
    """Of each column the greatest and the least value in each block's past, which is one run of blocks."""
    begins = past.argmax(axis=1)
    runs = np.column_stack([begins, begins + past.sum(axis=1)]).ravel()
    return np.maximum.reduceat(values, runs)[::2], np.minimum.reduceat(values, runs)[::2]


def _outside(
    past: NDArray[np.bool_], shares: Numbers, most: Numbers, least: Numbers, n_rows: Numbers
) -> tuple[Numbers, Numbers]:
    """How much each block's shares are above their most, and below their least; beyond what chance makes of so few
    rows. Nothing without a past.

    Where there were none in the past, a row or two are chance.
    """
    known = past.any(axis=1, keepdims=True)
    n = n_rows[:, None]
    rarest = np.minimum(1 / np.maximum(past @ n, 1), 0.5)

    def by_chance(extreme: Numbers) -> Numbers:
        rate = np.clip(extreme, rarest, 1 - rarest)
        chance: Numbers = np.maximum(_CERTAIN * np.sqrt(rate * (1 - rate) / n), _A_ROW_OR_TWO / n)
        return chance

    above, below = shares - most - by_chance(most), least - shares - by_chance(least)
    return np.where(known & (above > 0), above, 0), np.where(known & (below > 0), below, 0)


def unlikeness(
    past: NDArray[np.bool_], shares: Numbers, to_come: NDArray[np.bool_]
) -> tuple[Numbers, NDArray[np.int64], Numbers]:
    """Of each block its distance from the one most like it in the year before, which one that is, and the usual
    distance: the greatest of the year's own. NaN where the year has too few blocks to tell.

    `past` says of each block which ones it is held against, `shares` are the shares of the classes in each. The
    distance is the total variation: the share that would have to be of another class for the two to be alike. Classes
    that a block's rows may not have reached yet, as it is too young, are `to_come` and count as one.
    """
    alike = (np.minimum(shares[:, None, :], shares[None, :, :]) * ~to_come[:, None, :]).sum(axis=2)
    waiting = to_come @ shares.T
    common = np.where(past, alike + np.minimum(np.diagonal(waiting)[:, None], waiting), -np.inf)
    nearest = common.argmax(axis=1)
    distance = np.where(past.any(axis=1), np.maximum(1 - common.max(axis=1), 0), np.nan)
    known = past & ~np.isnan(distance)
    usual = np.where(known, distance, -np.inf).max(axis=1)
    return distance, nearest, np.where(known.sum(axis=1) >= FEWEST, usual, np.nan)


def _told(here: Numbers, there: Numbers, classes: NDArray[np.str_], weight: str) -> str:
    """Which class differs most from the most similar block's."""
    most = int(np.abs(here - there).argmax())
    of = "rows" if weight == "n_rows" else "sum"
    return (
        f" of the {of} has unusual values; most of all {named(str(classes[most]))}:"
        f" {here[most]:.1%} where the most similar time had {there[most]:.1%}"
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
        return f"numbers of about {found[0].strip('+')}{2.0 ** int(found[1:]):,.4g}"
    return {"0": "nought", "null": "no value"}.get(found, "any value")


CHECK = Check(
    figure,
    "The values of the columns that the KPI reads are spread as in some week or month of the past year.",
    "values are unlike those of the past year",
    flag=0.005,
    hold=0.05,
    by_chance=True,
)
