"""Judging a series in the order of time: what passes counts as history of what comes after it.

Which earlier periods count from the start says `history.py`; how a period is held against them, the check.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from data_quality.gate.checks.series import LEVEL_OF, PERIODS_A_YEAR, Numbers, Periods

_HALF = {"W": 3, "M": 15, "Q": 45, "A": 182}  # days
Found = tuple[int, float | None, bool, str]
"""Of a key: key_no, figure, whether it applies, detail."""


@dataclass(frozen=True)
class Place:
    """A period of a series: `key_no` where it is judged, `doubted` where another check holds it.

    `vouched` says that a decision let through what counts of it, `holds_above` from which figure on it is held, and
    `new_levels` since when its KPI had another level, each by a decision.
    """

    time_period: str
    period_start: date
    key_no: int | None
    doubted: bool
    vouched: bool
    holds_above: float
    new_levels: list[date] | None


def periods(freq: str, places: Sequence[Place]) -> Periods:
    """The periods of those places."""
    return Periods.of(freq, [one.time_period for one in places], [one.period_start for one in places])


def at_level(freq: str, places: Sequence[Place], at: int, known: Numbers) -> Numbers | None:
    """What is known before a place (a row for each earlier one), at the level that decisions said had begun by then.

    Rows of before a level are moved by as much as its first known ones differ from the last ones before it: by a factor
    where both are positive. None where no row of the newest level is known yet: there is nothing to go by. A period is
    of a level when its middle is.
    """
    known = known[:at].copy()
    middles = [place.period_start + timedelta(days=_HALF[freq]) for place in places[: at + 1]]
    for since in places[at].new_levels or ():
        if middles[at] < since:
            break
        is_new = np.array([middle >= since for middle in middles[:at]], dtype=bool)
        for column in known.T:
            new, old = (column[np.isfinite(column) & chosen] for chosen in (is_new, ~is_new))
            if len(old) and not len(new):
                return None
            if len(old):
                new_level, old_level = np.median(new[: LEVEL_OF[freq]]), np.median(old[-LEVEL_OF[freq] :])
                by_factor = new_level > 0 and old_level > 0
                moved = column * (new_level / old_level) if by_factor else column + (new_level - old_level)
                column[~is_new] = moved[~is_new]
    return known


def judged(
    freq: str, places: Sequence[Place], now: Numbers, known: Numbers, look: Callable[[int], tuple[float, str] | None]
) -> list[Found]:
    """What `look` finds at each place that is judged: figure and detail, None without history enough.

    `now` has a row for each place, as the candidate has it, `known` as it counts; the rows that pass are written into
    `known`, which `look` goes by. What fails for half a year in one run is a new level, and counts from there: the
    first run finds such levels in a history that nobody has decided on yet.
    """
    lasting = max(PERIODS_A_YEAR[freq] // 2, 3)
    found: list[Found] = []
    failed: list[int] = []
    for at, place in enumerate(places):
        if place.key_no is None:
            continue
        told = look(at)
        found.append((place.key_no, None, False, "") if told is None else (place.key_no, told[0], True, told[1]))
        fails = told is not None and told[0] > place.holds_above
        if fails:
            failed.append(at)
            if len(failed) == lasting:
                known[failed], failed = now[failed], []
        elif not place.doubted:
            known[at], failed = now[at], []
    return found


def figure(
    connection: duckdb.DuckDBPyConnection, series: Sequence[Any], judge: Callable[[Any], list[Found]]
) -> pd.DataFrame:
    """The figure of every planned key from what `judge` finds of each series, the largest where there are several.

    A series is a list of rows that begin with kpi_id and freq, and have the fields of Place after those.
    It doesn't apply to keys that no series has.
    """
    keys = connection.execute("select key_no from planned order by key_no").df()
    found: list[Found] = []
    for rows in series:
        try:
            found += judge(rows)
        except Exception as error:  # what goes wrong with one series must hold that one and no other
            kpi_id, freq = rows[0][:2]
            logging.getLogger(__name__).error("%s by %s could not be judged: %s", kpi_id, freq, type(error).__name__)
            found += [(row[4], None, True, "") for row in rows if row[4] is not None]
    table = pd.DataFrame(found, columns=["key_no", "figure", "applies", "detail"])
    # One that could not be judged comes first, then the largest.
    table = table.assign(lost=table["applies"] & table["figure"].isna())
    table = table.sort_values(["lost", "figure"], ascending=False, na_position="last").drop_duplicates("key_no")
    table = keys.merge(table.drop(columns="lost"), how="left", on="key_no")
    return table.assign(applies=table["applies"].astype("boolean").fillna(False))
