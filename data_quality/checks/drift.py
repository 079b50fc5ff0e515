"""The figure `drift`: do the values of the columns that a key's KPI reads look like those of the feed's own past year?

What is usual is how far each of the year's blocks was from the block most like it, so that neither trend nor season is
news.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data_quality.checks.inputs import BY_CHANCE, BY_KEY, FARTHEST, FEWEST, NEAREST
from data_quality.checks.series import Numbers

# So many standard deviations of a share of so few rows are hardly chance.
_CERTAIN = 3.0
_FEW = 2.0

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


def drift(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The share of rows, or of a number's sum, that would have to be of another class for a block to be like the
    year's block most like it; beyond what is usual and what chance makes. Or, where that is more, the share that
    classes have beyond the most that they had, or that lies beyond a size where hardly anything lay.

    Of the rows of one member it is those beyond, as a share of all rows.
    """
    (first,) = connection.execute(
        "select date_diff('day', date '1970-01-01', min(period_start)) from planned"
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
    weights, n_block = np.zeros((len(days), len(classes))), np.zeros(len(days))
    np.add.at(weights, (at, of), column.n_rows if weight == "n_rows" else column.total)
    n_rows, n_block[at] = np.bincount(at, column.n_rows, len(days)), column.n_block
    there = weights.sum(axis=1) > 0
    days, weights, n_rows, n_block = days[there], weights[there], n_rows[there], n_block[there]
    if not len(days):
        return
    shares = weights / weights.sum(axis=1, keepdims=True)
    to_come = np.zeros(shares.shape, dtype=bool)
    if column.kind in ("number", "lag"):
        sizes = np.array([_size(one) for one in classes])
        by_size = np.argsort(sizes)
        classes, sizes, shares = classes[by_size], sizes[by_size], shares[:, by_size]
        if column.kind == "lag":
            ages = column.watermark - days - (6 if column.grain == "week" else 30)
            to_come = np.maximum(2 * sizes, 0)[None, :] > 24 * ages[:, None]
    past = is_past(days)
    distance, nearest, usual = unlikeness(past, shares, to_come)
    figure = np.maximum(distance - usual - BY_CHANCE * np.sqrt(usual * (1 - usual) / n_rows), 0)
    whole_year = days - days[0] >= FARTHEST - NEAREST  # before that, a season may be the first of its kind
    for one in np.flatnonzero(~np.isnan(usual) & whole_year & (days >= first)):
        held_against = (shares[one], shares[past[one]], to_come[one], n_rows[one], n_rows[past[one]].sum())
        figure[one] = max(figure[one], beyond_most(*held_against))
        if column.kind in ("number", "lag"):
            figure[one] = max(figure[one], beyond_sizes(*held_against))
        told = _told(shares[one], shares[nearest[one]], classes, weight) if figure[one] > 0 else ""
        if told and not column.is_whole:
            told += f", of what is '{column.member}' by {column.depends_on}"
        yield int(days[one]), float(n_block[one]), float(figure[one] * n_rows[one] / n_block[one]), told


def _size(found: str) -> float:
    """What a class of sizes is about, infinity where there is none (yet)."""
    if found[0] in "+-":
        return (1 if found[0] == "+" else -1) * 2.0 ** int(found[1:])
    return 0.0 if found == "0" else np.inf


def is_past(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each block (rows) which ones (columns) it is held against."""
    ago = days[:, None] - days[None, :]
    return (ago >= NEAREST) & (ago <= FARTHEST)


def beyond_most(here: Numbers, past: Numbers, to_come: NDArray[np.bool_], n_rows: float, n_past: float) -> float:
    """How much of a block is of classes that have more than their most in the year before, and more than chance; or,
    where that is more, how much is lacking of those that have less than their least.

    Where rows are few, no block is like another; but a class that never had a row and has many tells. `n_past` are the
    rows of the year before.
    """
    here = np.append(np.where(to_come, 0, here), here[to_come].sum())
    past = np.column_stack([np.where(to_come, 0, past), past[:, to_come].sum(axis=1)])
    more, less = _beyond(here, past, n_rows, n_past), _beyond(1 - here, 1 - past, n_rows, n_past)
    return float(max(more.sum(), less.sum()))


def beyond_sizes(here: Numbers, past: Numbers, to_come: NDArray[np.bool_], n_rows: float, n_past: float) -> float:
    """How much of a block lies below or above a size, more than the most in the year before, and more than chance.

    The classes are in the order of size. What is wrong with a few rows may leave each in a class of its own.
    """
    below_here, below_past = np.cumsum(here)[~to_come], np.cumsum(past, axis=1)[:, ~to_come]
    below = _beyond(below_here, below_past, n_rows, n_past)
    above = _beyond(1 - below_here, 1 - below_past, n_rows, n_past)
    return float(max(below.max(initial=0), above.max(initial=0)))


def _beyond(here: Numbers, past: Numbers, n_rows: float, n_past: float) -> Numbers:
    """How much each share is greater than its most of the past, and more than chance makes of so few rows.

    Where there were none in the past, a row or two are chance.
    """
    most = past.max(axis=0)
    rarest = min(1 / n_past, 0.5)
    rate = np.clip(most, rarest, 1 - rarest)
    by_chance = np.maximum(_CERTAIN * np.sqrt(rate * (1 - rate) / n_rows), _FEW / n_rows)
    beyond: Numbers = np.maximum(here - most - by_chance, 0)
    return beyond


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
    distance = np.where(past.any(axis=1), 1 - common.max(axis=1), np.nan)
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
    """A class in words."""
    if found[0] == "=":
        return f"'{found[1:]}'"
    if found[0] == "~":
        return f"text like '{found[1:]}'"
    if found[0] == "@":
        return f"times at {found[1:]} o'clock"
    if found[0] in "+-":
        return f"numbers of about {found[0].strip('+')}{2.0 ** int(found[1:]):,.4g}"
    return {"0": "nought", "null": "no value"}.get(found, "any value")
