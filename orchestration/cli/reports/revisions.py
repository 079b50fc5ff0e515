"""How a KPI's values were revised: the revision triangle of its periods, and what it says of the first values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, takewhile
from typing import Any


@dataclass(frozen=True)
class Value:
    """A value as it was published: the day, and why it differs from the one before (None for the first)."""

    obs_value: float | None
    realtime_start: date
    revision_type: str | None


@dataclass(frozen=True)
class History:
    """The different values that were published for one period, in their order."""

    time_period: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Statistics:
    """What revisions of the first published values come to, over `periods` periods, of which `revised` were.

    A period's revision is its latest value less its first, as a difference in the KPI's unit where that is a fraction,
    else relative to the size of the first value (0.01 is 1 %). A change of methodology (R3) ends the comparison: it
    says nothing of the first value; `redefined` is how many periods such a change has. `mean_revision` is the bias of
    first values, and `standard_error` that of this mean, sample standard deviation over root n, None under two periods.
    It takes periods as independent of each other.
    """

    periods: int
    revised: int
    redefined: int
    relative: bool
    mean_revision: float | None
    mean_absolute_revision: float | None
    standard_error: float | None


def triangle(vintages: Iterable[Mapping[str, Any]]) -> list[History]:
    """The values of each period, from vintages by period and in their order.

    A vintage that only has another status is no other value; nor has a suppressed one a value.
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
    """What the revisions come to. Periods that lack a first or latest value, or have no relative one, don't count."""
    relative = unit != "fraction"
    revisions = []
    for history in histories:
        compared = [history.values[0], *takewhile(lambda one: one.revision_type != "R3", history.values[1:])]
        first, latest = compared[0].obs_value, compared[-1].obs_value
        if first is not None and latest is not None and (first or not relative):
            revisions.append((latest - first) / abs(first) if relative else latest - first)
    count = len(revisions)
    mean = math.fsum(revisions) / count if count else None
    spread = math.fsum((one - mean) ** 2 for one in revisions) if mean is not None else 0.0
    return Statistics(
        periods=count,
        revised=sum(one != 0 for one in revisions),
        redefined=sum(any(one.revision_type == "R3" for one in history.values) for history in histories),
        relative=relative,
        mean_revision=mean,
        mean_absolute_revision=math.fsum(map(abs, revisions)) / count if count else None,
        standard_error=math.sqrt(spread / (count - 1) / count) if count > 1 else None,
    )
