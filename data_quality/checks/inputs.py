"""The figures of the columns that a key's KPI reads: do their values look like those of the feed's own past year?

A column is looked at by blocks: a week, or of any longer period its months, and the whole weeks in it, as what is wrong
on a day may be lost in a month. What is usual is how far each of the year's blocks was from the
block most like it, so that neither trend nor season is news.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# A block is held against those that began so many days before: a year, but for the newest five weeks, as what went
# wrong in one week must not make the next one usual.
NEAREST, FARTHEST = 35, 371
FEWEST = 6
# So many standard deviations of a share of so few rows are chance.
BY_CHANCE = 2.0
_CERTAIN = 3.0

# The columns that planned KPIs read, by whole week and month, as far back as what is usual is asked for.
BLOCKS = f"""
create or replace temp table column_blocks as
with span as (
    select min(date_trunc('month', period_start)::date) - {2 * FARTHEST + 7} as first, max(period_end) as last
    from planned
)
select c.feed, c.column_name, k.kind, k.depends_on, g.grain, date_trunc(g.grain, c.day)::date as block,
    c.member, c.class, sum(c.n_rows) as n_rows, sum(c.total) as total
from gate.column_days c
join gate.feed_columns k using (feed, column_name)
join feeds f on f.feed = c.feed and c.day >= f.history_from
join span on c.day between span.first and span.last
cross join (values ('week'), ('month')) as g(grain)
where (c.feed, c.column_name) in (select (feed, column_name) from kpi_inputs)
    and if(g.grain = 'week', date_trunc('week', c.day)::date + 6, last_day(c.day)) <= f.watermark
group by all
"""

_BY_KEY = """
found as (
    select p.key_no, 'feed ' || i.feed || ', column ' || i.column_name || ': ' as place,
        sum(b.figure * b.n_rows) / sum(b.n_rows) as figure,
        arg_max(b.told, b.figure * b.n_rows) as told
    from planned p
    join kpi_inputs i using (kpi_id)
    join judged b on b.feed = i.feed and b.column_name = i.column_name
        and b.block >= p.period_start and if(b.grain = 'week', b.block + 6, b.block) <= p.period_end
        and (b.grain = 'week' or p.freq <> 'W') and (b.grain = 'month' or p.freq = 'W' or b.weight <> 'null')
    group by p.key_no, i.feed, i.column_name, b.member, b.weight, b.grain
)
select
    p.key_no,
    coalesce(round(max(f.figure), 6), 0) as figure,
    count(f.key_no) > 0 as applies,
    coalesce(array_to_string(
        (list(f.place || printf('%.1f %%', 100 * f.figure) || f.told order by f.figure desc)
            filter (f.figure > 0))[:3], '; '
    ), '') as detail
from planned p
left join found f using (key_no)
group by p.key_no
"""

NULL_SHARE = f"""
with shares as (
    select feed, column_name, grain, block,
        sum(n_rows) as n_rows,
        coalesce(sum(n_rows) filter (class = 'null'), 0) / sum(n_rows) as share
    from column_blocks
    where kind <> 'lag'
    group by all
),
judged as (
    select *, null as member, 'null' as weight,
        greatest(share - usual - {BY_CHANCE} * sqrt(usual * (1 - usual) / n_rows), 0) as figure,
        printf(' of the values are missing, beyond the usual %.1f %%', 100 * usual) as told
    from (
        select *, max(share) over past as usual, count(*) over past as n_past
        from shares
        window past as (
            partition by feed, column_name, grain order by block
            range between interval {FARTHEST} day preceding and interval {NEAREST} day preceding
        )
    )
    where n_past >= {FEWEST}
),
{_BY_KEY}
"""


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
        return connection.execute(f"with {judged},{_BY_KEY}").df()
    finally:
        connection.unregister("judged_blocks")


def _judged(column: Any, weight: str, first: int) -> Iterator[tuple[int, float, float, str]]:
    """Of each block of a row of _DISTRIBUTIONS that begins from `first` on and can be judged: day, the block's rows
    with those of other members, figure, told.
    """
    days, at = np.unique(column.days, return_inverse=True)
    classes, of = np.unique(column.classes, return_inverse=True)
    weights = np.zeros((len(days), len(classes)))
    np.add.at(weights, (at, of), column.n_rows if weight == "n_rows" else column.total)
    n_rows, n_block = np.bincount(at, column.n_rows, len(days)), np.zeros(len(days))
    n_block[at] = column.n_block
    there = weights.sum(axis=1) > 0
    days, weights, n_rows, n_block = days[there], weights[there], n_rows[there], n_block[there]
    if not len(days):
        return
    shares = weights / weights.sum(axis=1, keepdims=True)
    to_come = np.zeros(shares.shape, dtype=bool)
    if column.kind == "lag":
        ages = column.watermark - days - (6 if column.grain == "week" else 30)
        longest = [2.0 ** (int(one[1:]) + 1) if one[0] == "+" else np.inf if one == "null" else 0 for one in classes]
        to_come = np.array(longest)[None, :] > 24 * ages[:, None]
    past = is_past(days)
    distance, nearest, usual = unlikeness(past, shares, to_come)
    figure = np.maximum(distance - usual - BY_CHANCE * np.sqrt(usual * (1 - usual) / n_rows), 0)
    whole_year = days - days[0] >= FARTHEST - NEAREST  # before that, a season may be the first of its kind
    by_size = np.argsort([_size(one) for one in classes]) if column.kind in ("number", "lag") else None
    for one in np.flatnonzero(~np.isnan(usual) & whole_year & (days >= first)):
        earlier = shares[past[one]]
        figure[one] = max(figure[one], beyond_most(shares[one], earlier, to_come[one], n_rows[one]))
        if by_size is not None:
            here, then, coming = (part[..., by_size] for part in (shares[one], earlier, to_come[one]))
            figure[one] = max(figure[one], beyond_sizes(here, then, coming, n_rows[one]))
        told = _told(shares[one], shares[nearest[one]], classes, weight) if figure[one] > 0 else ""
        if not column.is_whole:
            told += f", of what is '{column.member}' by {column.depends_on}" if told else ""
        yield int(days[one]), float(n_block[one]), float(figure[one] * n_rows[one] / n_block[one]), told


def _size(found: str) -> float:
    """Where a class of sizes stands among others; what has no size yet comes last."""
    if found[0] in "+-":
        return (1 if found[0] == "+" else -1) * 2.0 ** int(found[1:])
    return 0.0 if found == "0" else np.inf


def is_past(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of each block (rows) which ones (columns) it is held against."""
    ago = days[:, None] - days[None, :]
    return (ago >= NEAREST) & (ago <= FARTHEST)


def beyond_most(here: Numbers, past: Numbers, to_come: NDArray[np.bool_], n_rows: float) -> float:
    """How much of a block is of classes that have more than their most in the year before, and more than chance.

    Where rows are few, no block is like another; but a class that never had a row and has many tells.
    """
    here = np.append(np.where(to_come, 0, here), here[to_come].sum())
    past = np.column_stack([np.where(to_come, 0, past), past[:, to_come].sum(axis=1)])
    return float(_beyond(here, past, n_rows).sum())


def beyond_sizes(here: Numbers, past: Numbers, to_come: NDArray[np.bool_], n_rows: float) -> float:
    """How much of a block lies below or above a size, more than the most in the year before, and more than chance.

    The classes are in the order of size. What is wrong with a few rows may leave each in a class of its own.
    """
    below_here, below_past = np.cumsum(here)[~to_come], np.cumsum(past, axis=1)[:, ~to_come]
    below, above = _beyond(below_here, below_past, n_rows), _beyond(1 - below_here, 1 - below_past, n_rows)
    return float(max(below.max(initial=0), above.max(initial=0)))


def _beyond(here: Numbers, past: Numbers, n_rows: float) -> Numbers:
    """How much each share is greater than its most of the past, and more than chance makes of so few rows."""
    most = past.max(axis=0)
    at_least = np.clip(most, 1 / n_rows, 0.5)
    beyond: Numbers = np.maximum(here - most - _CERTAIN * np.sqrt(at_least * (1 - at_least) / n_rows), 0)
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
