"""The figure `state_change`: how much of a feed that comes whole is another than when it was last accepted.

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

from data_quality.checks.inputs import BY_CHANCE, FEWEST, Numbers, named
from metrics.check_rules import RULES

_A_YEAR = 371  # days; until then a season may be the first of its kind
_HALF_A_YEAR = 182
_HOLDS_ABOVE = min(rule.limit for rule in RULES if rule.figure == "state_change" and rule.severity == "critical")
_CHECKS = [rule.name for rule in RULES if rule.figure == "state_change"]

_FEEDS = """
select feed, list(date_diff('day', date '1970-01-01', week) order by week) as weeks,
    list(n_rows order by week) as n_rows, list(n_duplicates order by week) as n_duplicates
from states
where feed in (select feed from kpi_feeds)
group by feed
"""
_COLUMNS = """
select c.feed, c.column_name, c.kind,
    list(date_diff('day', date '1970-01-01', c.week)) as weeks, list(c.class) as classes,
    list(c.n_rows) as n_rows, list(coalesce(c.total, 0)) as total
from gate.column_states c
join gate.feed_columns k using (feed, column_name, kind)
join states using (feed, week)
where k.comes_with is not distinct from c.comes_with
    and (feed, column_name) in (select (feed, column_name) from kpi_inputs)
group by all
"""
_VOUCHED = """
select k.feed, max(date_diff('day', date '1970-01-01', r.decided_at::date))
from releases r
join kpi_feeds k using (kpi_id)
where list_has_any(r.checks, $checks)
group by k.feed
"""
# Rows gone or repeated concern all that is computed from the feed, a column those that read it.
_BY_KEY = """
with found as (
    select p.key_no, s.figure, s.told
    from planned p
    join kpi_feeds k using (kpi_id)
    join judged_states s on s.feed = k.feed
    left join kpi_inputs i on i.kpi_id = p.kpi_id and i.feed = s.feed and i.column_name = s.column_name
    where s.column_name is null or i.kpi_id is not null
)
select p.key_no,
    coalesce(round(max(f.figure), 6), 0) as figure,
    count(f.key_no) > 0 as applies,
    coalesce(array_to_string((list(f.told order by f.figure desc) filter (f.figure > 0))[:3], '; '), '') as detail
from planned p
left join found f using (key_no)
group by p.key_no
"""
_JUDGED = pa.schema(
    [("feed", pa.string()), ("column_name", pa.string()), ("figure", pa.float64()), ("told", pa.string())]
)


@dataclass(frozen=True)
class States:
    """One thing of a feed in the weeks of its states: `weights` has a row for each, and a column for each class.

    `n_rows` is how many rows it was counted from.
    """

    weeks: Sequence[int]
    n_rows: Numbers
    weights: Numbers

    def change(self, before: int, now: int) -> float:
        """The share that is another: total variation between the two, or of rows alone how many came or went."""
        one, other = self.weights[before], self.weights[now]
        if len(one) == 1:
            return float(np.abs(other - one)[0] / max(other[0], one[0], 1))
        return float(np.abs(other / other.sum() - one / one.sum()).sum() / 2)

    @staticmethod
    def of(weeks: Sequence[int], n_rows: Numbers, weights: Numbers) -> States:
        """Those of the weeks that have any weight."""
        there = weights.sum(axis=1) > 0
        return States(np.array(weeks)[there].tolist(), n_rows[there], weights[there])


def state_change(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key: the largest of its feeds; it applies where there are states of a year."""
    vouched = dict(connection.execute(_VOUCHED, {"checks": _CHECKS}).fetchall())
    found: dict[str, list[Any]] = {name: [] for name in _JUDGED.names}
    for feed, column, states, told, classes in (*_rows(connection), *_columns(connection)):
        if (judged := newest(states, vouched.get(feed))) is not None:
            figure, before = judged
            place = f"feed {feed}, column {column}" if column else f"feed {feed}"
            detail = f"{place}: {figure:.1%} {told}{_most(states, before, classes)}" if figure > 0 else ""
            for name, value in zip(_JUDGED.names, (feed, column, figure, detail), strict=True):
                found[name].append(value)
    connection.register("judged_states", pa.table(found, schema=_JUDGED))
    try:
        return connection.execute(_BY_KEY).df()
    finally:
        connection.unregister("judged_states")


Thing = tuple[str, str | None, States, str, Sequence[str]]
"""A feed, the column (None for its rows), its states, what a change is called, and the classes to name."""


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[Thing]:
    """Of each feed how many rows it has, and which share of them equals another."""
    for feed, weeks, counted, repeated in connection.execute(_FEEDS).fetchall():
        n_rows, n_duplicates = np.array(counted, dtype=float), np.array(repeated, dtype=float)
        distinct = n_rows - n_duplicates
        yield feed, None, States(weeks, distinct, distinct[:, None]), "of the rows came or went at once", ()
        both = np.column_stack([distinct, n_duplicates])
        yield feed, None, States.of(weeks, n_rows, both), "more or fewer rows equal another", ()


def _columns(connection: duckdb.DuckDBPyConnection) -> Iterator[Thing]:
    """Of each column the classes of its rows, and of a number those of its sum."""
    for feed, column, kind, in_weeks, of_class, n_rows, total in connection.execute(_COLUMNS).fetchall():
        weeks, at = np.unique(in_weeks, return_inverse=True)
        classes, of = np.unique(of_class, return_inverse=True)
        for weight, of_what in ((n_rows, "rows"), (total, "sum")) if kind == "number" else ((n_rows, "rows"),):
            weights = np.zeros((len(weeks), len(classes)))
            weights[at, of] = weight
            states = States.of(weeks.tolist(), np.bincount(at, n_rows, len(weeks)).astype(float), weights)
            if len(classes) > 1:
                yield feed, column, states, f"of the {of_what} has other values at once", classes.tolist()


def newest(states: States, vouched: int | None) -> tuple[float, int] | None:
    """The figure of the newest state, and the place of the one that it is held against; None without those of a year.

    The figure is its change since the last accepted state, beyond the greatest that accepted ones had in the year
    before and what chance makes of so few rows. `vouched` is the day until which a person let through what is
    different. What isn't accepted for half a year in one run is how the feed is.
    """
    weeks, accepted = states.weeks, 0
    usual: list[tuple[int, float]] = []
    failing_since: int | None = None
    judged: tuple[float, int] | None = None
    for at in range(1, len(weeks)):
        change = states.change(accepted, at)
        past = [one for week, one in usual if week >= weeks[at] - _A_YEAR]
        judged = None
        if weeks[at] - weeks[0] >= _A_YEAR and len(past) >= FEWEST:
            n_rows = max(float(states.n_rows[accepted]), 1.0)
            share = min(max(max(past), 1 / n_rows), 0.5)
            by_chance = BY_CHANCE * math.sqrt(share * (1 - share) / n_rows)
            judged = max(change - max(past) - by_chance, 0.0), accepted
        if judged is None or judged[0] <= _HOLDS_ABOVE:
            usual.append((weeks[at], change))
        else:
            failing_since = failing_since or weeks[at]
            let_through = vouched is not None and vouched >= weeks[at]
            if not let_through and weeks[at] - failing_since < _HALF_A_YEAR:
                continue
        accepted, failing_since = at, None
    return judged


def _most(states: States, before: int, classes: Sequence[str]) -> str:
    """Which class changed most, for a reader."""
    if not classes:
        return ""
    one, other = (states.weights[at] / states.weights[at].sum() for at in (before, -1))
    most = int(np.abs(other - one).argmax())
    return f"; most of all {named(classes[most])}: {other[most]:.1%} where it was {one[most]:.1%}"
