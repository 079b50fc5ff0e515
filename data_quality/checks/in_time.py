"""Judging a series in the order of time: what passes counts as history of what comes after it.

Which earlier periods count from the start says `history.py`; how a period is held against them, the check.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import pandas as pd

from data_quality.checks.series import PERIODS_A_YEAR, Numbers, Periods

Found = tuple[int, float | None, bool, str]
"""Of a key: key_no, figure, whether it applies, detail."""


@dataclass(frozen=True)
class Place:
    """A period of a series: `key_no` where it is judged, `doubted` where another check holds it.

    `vouched` says that a decision let through what counts of it, `holds_above` from which figure on it is held.
    """

    time_period: str
    period_start: date
    key_no: int | None
    doubted: bool
    vouched: bool
    holds_above: float


def periods(freq: str, places: Sequence[Place]) -> Periods:
    """The periods of those places."""
    return Periods.of(freq, [one.time_period for one in places], [one.period_start for one in places])


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
