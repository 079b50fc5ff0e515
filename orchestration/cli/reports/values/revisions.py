"""How a KPI's values were revised: the values of each period in the order of publication, and statistics on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, takewhile
from typing import Any


@dataclass(frozen=True)
class Value:
    """A published value, its day, and the type of the revision that changed the value before it (None: the first)."""

    obs_value: float | None
    realtime_start: date
    revision_type: str | None


@dataclass(frozen=True)
class History:
    """The values published for one period that differ from the one published before, in the order of publication."""

    time_period: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Statistics:
    """Statistics on the revisions of first published values. Of `periods` periods, `revised` were revised.

    A period's revision is its latest value minus its first: as a difference where the KPI's unit is a fraction, else
    relative to the size of the first value (`relative`; 0.01 is 1 %). Values after a change of methodology (R3) are not
    compared, because such a change doesn't mean that the first value was wrong; `redefined` is the number of periods
    with one. `mean_revision` is the bias of first values. `standard_error` is the standard error of this mean: the
    sample standard deviation over the square root of n, None under two periods. It assumes independent periods.
    """

    periods: int
    revised: int
    redefined: int
    relative: bool
    mean_revision: float | None
    mean_absolute_revision: float | None
    standard_error: float | None


def value_histories(vintages: Iterable[Mapping[str, Any]]) -> list[History]:
    """For each period, every published value that differs from the one published before it (a "revision triangle").

    `vintages` are sorted by period and publication. Suppressed ones, and those where only the status changed, are left
    out.
    """
    histories = []
    for period, rows in groupby(vintages, key=lambda row: row["time_period"]):
        values: list[Value] = []
        for row in rows:
            value = Value(row["obs_value"], row["realtime_start"], row["revision_type"])
            if row["obs_status"] != "Q" and (not values or value.obs_value != values[-1].obs_value):
                values.append(value)
        if values:
            histories.append(History(period, tuple(values)))
    return histories


def statistics(histories: Sequence[History], unit: str) -> Statistics:
    """How the latest value of each period, up to a change of methodology (R3), differs from its first one.

    Periods without one of the two, and periods with a relative change from 0, count only in `redefined`.
    """
    relative = unit != "fraction"
    revisions = []
    for history in histories:
        compared = [history.values[0], *takewhile(lambda value: value.revision_type != "R3", history.values[1:])]
        first, latest = compared[0].obs_value, compared[-1].obs_value
        if first is not None and latest is not None and (first or not relative):
            revisions.append((latest - first) / abs(first) if relative else latest - first)
    count = len(revisions)
    mean = math.fsum(revisions) / count if count else None
    spread = math.fsum((value - mean) ** 2 for value in revisions) if mean is not None else 0.0
    return Statistics(
        periods=count,
        revised=sum(value != 0 for value in revisions),
        redefined=sum(any(value.revision_type == "R3" for value in history.values) for history in histories),
        relative=relative,
        mean_revision=mean,
        mean_absolute_revision=math.fsum(map(abs, revisions)) / count if count else None,
        standard_error=math.sqrt(spread / (count - 1) / count) if count > 1 else None,
    )
