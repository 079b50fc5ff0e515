"""The teams' boards: sprints of two weeks, and each day how their work items stand at its end."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sample_company.simulator.business import pick
from sample_company.simulator.files import SourceFolder
from sample_company.simulator.timeline import Days, Month, Span

TEAMS = ("Shop", "Logistics", "Data")
CAPACITY = np.array([46.0, 38.0, 30.0])
"""Story points that each team commits to in a sprint."""
SPRINT_DAYS = 14
FIRST_SPRINT = date(2020, 1, 6)
"""A Monday; sprints are numbered from it, so that they don't depend on where a simulation starts."""
SIZES = np.array([1, 2, 3, 5, 8])
SIZE_SHARES = np.array([0.15, 0.25, 0.30, 0.22, 0.08])
MOST_ITEMS = 40
TYPES = ("story", "task", "bug", "spike")
TYPE_SHARES = np.array([0.55, 0.25, 0.15, 0.05])
DONE_SHARE = 0.89
ADDED_SHARE, REMOVED_SHARE, REESTIMATED_SHARE = 0.12, 0.03, 0.05


class Boards:
    """All sprints that begin in the time of the simulation; `run` is called for every month in turn."""

    def __init__(self, folder: SourceFolder, span: Span) -> None:
        self._folder = folder
        self._span = span
        first = -(-(span.start - FIRST_SPRINT).days // SPRINT_DAYS)
        last = (span.until - FIRST_SPRINT).days // SPRINT_DAYS
        self._numbers = range(first, last + 1)
        boards = [_board(span, number, team) for number in self._numbers for team in range(len(TEAMS))]
        self._snapshots = pd.concat(boards) if boards else None

    def run(self, month: Month) -> None:
        """Write tracker/board_<month>.csv.gz: a row per work item and day of a month, as it is at the day's end."""
        if self._snapshots is None:
            return
        known = np.datetime64(self._span.newest(month))
        day = self._snapshots["snapshot_day"].to_numpy().astype("datetime64[D]")
        rows = self._snapshots[(day >= np.datetime64(month.first)) & (day <= known)]
        rows = rows.sort_values("snapshot_day", kind="stable").assign(
            snapshot_day=lambda frame: frame["snapshot_day"].to_numpy().astype("datetime64[D]")
        )
        table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
        self._folder.csv(f"tracker/board_{month.code}.csv.gz", table, self._span.newest(month))

    def write(self) -> None:
        """tracker/sprints.xlsx: the sprints of each team that have begun."""
        rows = [
            (_sprint_id(number, team), TEAMS[team], first, first + timedelta(days=SPRINT_DAYS - 1))
            for number in self._numbers
            for team in range(len(TEAMS))
            for first in [_first_day(number)]
        ]
        header = ("Sprint", "Team", "First day", "Last day")
        self._folder.excel("tracker/sprints.xlsx", "Sprints", header, rows, self._span.until)


def _first_day(number: int) -> date:
    return FIRST_SPRINT + timedelta(days=number * SPRINT_DAYS)


def _sprint_id(number: int, team: int) -> str:
    return f"{TEAMS[team]} {number}"


def _board(span: Span, number: int, team: int) -> pd.DataFrame:
    """The snapshots of a sprint's items. What isn't done at its end goes back to the backlog, under another key."""
    rng = span.rng(f"sprint {number} {TEAMS[team]}")
    points = SIZES[pick(rng, MOST_ITEMS, SIZE_SHARES)]
    committed = np.cumsum(points) <= CAPACITY[team] * rng.normal(1, 0.08)
    added = ~committed & (np.cumsum(~committed) <= rng.binomial(int(committed.sum()), ADDED_SHARE))
    size = MOST_ITEMS
    since = np.where(added, rng.integers(1, SPRINT_DAYS - 4, size), 0)
    until = np.where(rng.random(size) < REMOVED_SHARE, rng.integers(2, SPRINT_DAYS, size), SPRINT_DAYS)
    # Work is done on working days, most of it in the second week.
    working = np.array([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
    day_done = working[np.minimum((rng.beta(2.2, 1.5, size) * len(working)).astype(int), len(working) - 1)]
    is_done_once = rng.random(size) < np.clip(rng.normal(DONE_SHARE, 0.05), 0.6, 1.0)
    done_from = np.where(is_done_once, np.maximum(day_done, since), SPRINT_DAYS)
    grows = np.where(rng.random(size) < REESTIMATED_SHARE, rng.integers(1, SPRINT_DAYS, size), SPRINT_DAYS)
    kind = pick(rng, size, TYPE_SHARES)
    item, day = _pairs(committed | added, since, until)
    first: Days = np.array([_first_day(number)], dtype="datetime64[D]")
    return pd.DataFrame(
        {
            "snapshot_day": (first + day.astype("timedelta64[D]")).astype("datetime64[s]"),
            "sprint": _sprint_id(number, team),
            "item": [f"{TEAMS[team].upper()}-{number * 100 + place}" for place in item.tolist()],
            "type": np.array(TYPES)[kind[item]],
            "points": points[item] + 2 * (day >= grows[item]),
            "status": np.where(day >= done_from[item], "Done", "In progress"),
        }
    )


def _pairs(
    stands: npt.NDArray[np.bool_], since: npt.NDArray[np.int64], until: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Every item with each day on which it is in the sprint: two arrays (item, day from 0) of the same length."""
    days = np.arange(SPRINT_DAYS)
    item, day = np.nonzero(stands[:, None] & (days >= since[:, None]) & (days < until[:, None]))
    return item, day
