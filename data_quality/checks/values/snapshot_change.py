"""`snapshot_change`: how much of a feed that comes whole is another than when it was last accepted.

A state is accepted when its change is a usual one, or a person released what was computed from it. So what is wrong
with an export stays wrong until it is mended, and neither the fault nor its repair becomes usual.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from data_quality.checks.blocks import BY_CHANCE, FARTHEST, FEWEST
from data_quality.checks.check import Check
from data_quality.checks.series import Numbers
from data_quality.checks.values.value_distribution import named

_HALF_A_YEAR = 182
_FEEDS = """
select feed, list(epoch(judged_at) / 86400 order by judged_at) as days,
    list(n_rows order by judged_at) as n_rows, list(n_duplicates order by judged_at) as n_duplicates
from states
where feed in (select feed from kpi_feeds)
group by feed
"""
_COLUMNS = """
select c.feed, c.column_name, c.kind,
    list(epoch(c.judged_at) / 86400) as days, list(c.class) as classes,
    list(c.n_rows) as n_rows, list(coalesce(c.total, 0)) as total
from gate.column_states c
join gate.feed_columns k using (feed, column_name, kind)
join states using (feed, judged_at)
where k.comes_with is not distinct from c.comes_with
    and (feed, column_name) in (select (feed, column_name) from kpi_inputs)
group by all
"""
# From which figure on a thing holds a KPI, and when such a KPI was released though it did.
_HOLDS = """
with things as (
    select kpi_id, feed, null as column_name from kpi_feeds
    union all
    select kpi_id, feed, column_name from kpi_inputs
)
select feed, column_name, min(holds_above),
    list(distinct epoch(decided_at) / 86400) filter (list_contains(checks, 'snapshot_change'))
from things
left join (
    select kpi_id, min(holds_above) as holds_above
    from limits join planned using (key_no)
    where check_name = 'snapshot_change'
    group by kpi_id
) using (kpi_id)
left join releases using (kpi_id)
group by feed, column_name
"""
# Rows gone or repeated concern all that is computed from the feed, a column those that read it.
_BY_KEY = """
with found as (
    select p.key_no, s.feed, s.figure, s.told
    from planned p
    join kpi_feeds k using (kpi_id)
    join judged_states s on s.feed = k.feed
    left join kpi_inputs i on i.kpi_id = p.kpi_id and i.feed = s.feed and i.column_name = s.column_name
    where s.column_name is null or i.kpi_id is not null
)
select p.key_no,
    coalesce(round(max(f.figure), 6), 0) as figure,
    count(f.key_no) > 0 as applies,
    coalesce(array_to_string((list(f.told order by f.figure desc) filter (f.figure > 0))[:3], '; '), '') as detail,
    arg_max(f.feed, f.figure) as feed
from planned p
left join found f using (key_no)
group by p.key_no
"""
_JUDGED = pa.schema(
    [("feed", pa.string()), ("column_name", pa.string()), ("figure", pa.float64()), ("told", pa.string())]
)


@dataclass(frozen=True)
class States:
    """One thing of a feed in its states: on which days each was judged, of how many rows, and the changes between them.

    `changes` has a row and a column for each state.
    """

    days: Numbers
    n_rows: Numbers
    changes: Numbers

    @staticmethod
    def of_rows(days: Numbers, n_rows: Numbers) -> States:
        """A change is how many rows came or went, as a share of the larger number."""
        larger = np.maximum(np.maximum.outer(n_rows, n_rows), 1)
        return States(days, n_rows, np.abs(np.subtract.outer(n_rows, n_rows)) / larger)

    @staticmethod
    def of_shares(days: Numbers, n_rows: Numbers, shares: Numbers) -> States:
        """A change is the share that is of another class: the total variation. `shares` has a row for each state."""
        changes = np.array([np.abs(shares - one).sum(axis=1) / 2 for one in shares])
        return States(days, n_rows, changes)


def figure(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key: the largest of its feeds; it applies where there are states of a year."""
    holds = {(feed, column): known for feed, column, *known in connection.execute(_HOLDS).fetchall()}
    found: dict[str, list[Any]] = {name: [] for name in _JUDGED.names}
    for thing in (*_rows(connection), *_columns(connection)):
        above, released = holds[thing.feed, thing.column]
        judged = newest(thing.states, math.inf if above is None else above, released or ())
        if judged is not None:
            values = (thing.feed, thing.column, judged[0], thing.told(*judged) if judged[0] > 0 else "")
            for name, value in zip(_JUDGED.names, values, strict=True):
                found[name].append(value)
    connection.register("judged_states", pa.table(found, schema=_JUDGED))
    try:
        return connection.execute(_BY_KEY).df()
    finally:
        connection.unregister("judged_states")


@dataclass(frozen=True)
class _Thing:
    """What is judged of a feed: its rows (`column` None), or a column of it, by classes."""

    feed: str
    column: str | None
    states: States
    changed: str
    classes: Sequence[str] = ()
    shares: Numbers | None = None

    def told(self, figure: float, before: int) -> str:
        """The change since that state, for a reader."""
        place = f"feed {self.feed}, column {self.column}" if self.column else f"feed {self.feed}"
        text = f"{place}: {figure:.1%} {self.changed}"
        if self.shares is None:
            return text
        one, other = self.shares[before], self.shares[-1]
        most = int(np.abs(other - one).argmax())
        return f"{text}; most of all {named(self.classes[most])}: {other[most]:.1%} where it was {one[most]:.1%}"


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[_Thing]:
    """Of each feed how many rows it has, and which share of them equals another."""
    for feed, *numbers in connection.execute(_FEEDS).fetchall():
        days, n_rows, n_duplicates = (np.array(one, dtype=float) for one in numbers)
        yield _Thing(
            feed, None, States.of_rows(days, n_rows - n_duplicates), "of the rows came or went, beyond the usual"
        )
        repeated = n_duplicates / np.maximum(n_rows, 1)
        shares = np.column_stack([repeated, 1 - repeated])
        yield _Thing(
            feed,
            None,
            States.of_shares(days, n_rows, shares),
            "of the rows equal another, or no longer do, beyond the usual",
        )


def _columns(connection: duckdb.DuckDBPyConnection) -> Iterator[_Thing]:
    """Of each column the classes of its rows, and of a number those of its sum."""
    for feed, column, kind, on_days, of_class, n_rows, total in connection.execute(_COLUMNS).fetchall():
        days, at = np.unique(on_days, return_inverse=True)
        classes, of = np.unique(of_class, return_inverse=True)
        for weight, of_what in ((n_rows, "rows"), (total, "sum")) if kind == "number" else ((n_rows, "rows"),):
            weights = np.zeros((len(days), len(classes)))
            weights[at, of] = weight
            counted, sums = np.bincount(at, n_rows, len(days)).astype(float), weights.sum(axis=1)
            there = sums > 0
            shares = weights[there] / sums[there, None]
            states = States.of_shares(days[there], counted[there], shares)
            yield _Thing(
                feed, column, states, f"of the {of_what} has other values, beyond the usual", classes.tolist(), shares
            )


def newest(states: States, holds_above: float, released: Sequence[float]) -> tuple[float, int] | None:
    """The figure of the newest state, and the place of the one that it is held against; None without those of a year.

    The figure is its change since the last accepted state, beyond the usual one and what chance makes of so few rows.
    `released` are the days on which a person let through a value of the state as it was then. What fails for half a
    year in one run is how the feed is.
    """
    days, changes = states.days, states.changes
    vouched = {int(np.searchsorted(days, day, side="right")) - 1 for day in released}
    levels = [[0]]  # the accepted states; a jump that was let through begins another level
    failing_since: float | None = None
    judged: tuple[float, int] | None = None
    for at in range(1, len(days)):
        last, judged = levels[-1][-1], None
        # In the first year a season may be the first of its kind.
        usual = _usual(states, levels, at) if days[at] - days[0] >= FARTHEST else None
        if usual is not None:
            n_rows = max(float(states.n_rows[last]), 1.0)
            share = min(max(usual, 1 / n_rows), 0.5)
            by_chance = BY_CHANCE * math.sqrt(share * (1 - share) / n_rows)
            judged = max(float(changes[last, at]) - usual - by_chance, 0.0), last
        if judged is None or judged[0] <= holds_above:
            levels[-1].append(at)
            failing_since = None
            continue
        failing_since = float(days[at]) if failing_since is None else failing_since
        if at in vouched or days[at] - failing_since >= _HALF_A_YEAR:
            levels.append([at])
            failing_since = None
    return judged


def _usual(states: States, levels: Sequence[Sequence[int]], at: int) -> float | None:
    """The greatest change that accepted states had in the year before, from one to the next or over as long a time as
    has gone by since the last one; None where they are too few.
    """
    days, changes = states.days, states.changes
    gap = days[at] - days[levels[-1][-1]]
    found: list[float] = []
    for level in levels:
        now = np.array(level[1:], dtype=int)
        earliest = np.searchsorted(days[level], days[now] - gap)
        before = np.array(level)[np.minimum(earliest, np.arange(len(now)))]
        greatest = np.maximum(changes[before, now], changes[level[:-1], now])
        found += greatest[days[now] >= days[at] - FARTHEST].tolist()
    return max(found) if len(found) >= FEWEST else None


CHECK = Check(
    figure,
    "A feed that comes whole changes no more than it used to from one delivery to the next.",
    "it changed more than usual at once",
    flag=0.005,
    hold=0.05,
)
