"""The figure `surprise`: how far a total lies from where its own history leads one to expect it.

The value, and the numerator, denominator and number of observations behind it: a ratio hides what is wrong with both.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import duckdb
import numpy as np
import pandas as pd

from data_quality.checks.series import PERIODS_A_YEAR, Flags, Numbers, Periods, chance, described, score

_BEHIND = {
    "obs_value": "",
    "numerator": "its numerator: ",
    "denominator": "its denominator: ",
    "n_obs": "its observations: ",
}

# One row per period of a series that is judged or counts as history: `now` is the candidate, `known` what counts of it
# already.
_TOTALS = """
with candidate as (
    select p.key_no, c.*
    from candidate_rows c
    join planned p using (kpi_id, freq, time_period)
    where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
)
select kpi_id, freq, time_period, coalesce(c.period_start, h.period_start) as period_start,
    c.key_no, coalesce(d.key_no is not null, false) as doubted, coalesce(h.vouched, false) as vouched,
    r.unit, coalesce(l.holds_above, 'infinity'::double) as holds_above,
    [c.obs_value, c.numerator, c.denominator, c.n_obs]::double[4] as now,
    [h.obs_value, h.numerator, h.denominator, h.n_obs]::double[4] as known
from candidate c
full join (from history where segment = '_T' and member = '_T' and isfinite(obs_value)) h
    using (kpi_id, freq, time_period)
join rules r using (kpi_id)
left join doubted d on d.key_no = c.key_no
left join limits l on l.kpi_id = r.kpi_id and l.figure = 'surprise'
where coalesce(c.period_start, h.period_start) >= coalesce(r.observable_from, coalesce(c.period_start, h.period_start))
order by kpi_id, freq, period_start
"""


@dataclass(frozen=True)
class _Total:
    """A row of `_TOTALS`: a period's total as it is judged (`key_no`, `now`), and as it counts already (`known`)."""

    kpi_id: str
    freq: str
    time_period: str
    period_start: date
    key_no: int | None
    doubted: bool
    vouched: bool
    unit: str
    holds_above: float
    now: Sequence[float | None]
    known: Sequence[float | None]


def surprise(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The figure of every planned key: the largest surprise of the four; it applies where there is history enough."""
    keys = connection.execute("select key_no from planned order by key_no").df()
    totals = [_Total(*row) for row in connection.execute(_TOTALS).fetchall()]
    found: list[tuple[int, float | None, bool, str]] = []
    for (kpi_id, freq), group in groupby(totals, key=lambda one: (one.kpi_id, one.freq)):
        rows = list(group)
        try:
            found += _judged(freq, rows)
        except Exception as error:  # what goes wrong with one series must hold that one and no other
            logging.getLogger(__name__).error("%s by %s could not be judged: %s", kpi_id, freq, type(error).__name__)
            found += [(row.key_no, None, True, "") for row in rows if row.key_no is not None]
    table = keys.merge(pd.DataFrame(found, columns=["key_no", "figure", "applies", "detail"]), how="left", on="key_no")
    return table.assign(applies=table["applies"].astype("boolean").fillna(False))


def _judged(freq: str, rows: Sequence[_Total]) -> list[tuple[int, float | None, bool, str]]:
    """Judges one series in the order of time: what passes counts as history of what comes after it.

    What fails for half a year in one run is a new level, and counts from there: the first run finds such levels in a
    history that nobody has decided on yet.
    """
    periods = Periods.of(freq, [row.time_period for row in rows], [row.period_start for row in rows])
    now = np.array([row.now for row in rows], dtype=float)
    known = np.array([row.known for row in rows], dtype=float)
    vouched = np.array([row.vouched for row in rows])
    names = _different(now, known)
    lasting = max(PERIODS_A_YEAR[freq] // 2, 3)
    found: list[tuple[int, float | None, bool, str]] = []
    failed: list[int] = []
    for at, row in enumerate(rows):
        if row.key_no is None:
            continue
        worst, detail = None, ""
        for column, name in names:
            told = _surprise_at(at, column, name, row.unit, periods, now, known, vouched)
            if told is not None and (worst is None or told[0] > worst):
                worst, detail = told[0], _BEHIND[name] + told[1]
        found.append((row.key_no, worst, worst is not None, detail))
        surprising = worst is not None and worst > row.holds_above
        if not surprising and not row.doubted:
            known[at], failed = now[at], []
        elif surprising:
            failed.append(at)
            if len(failed) == lasting:
                known[failed], failed = now[failed], []
    return found


def _different(now: Numbers, known: Numbers) -> list[tuple[int, str]]:
    """The columns to judge, each once: a count of orders may be the value, the numerator and the observations."""
    both = np.concatenate([now, known])
    chosen: list[int] = []
    for column in range(both.shape[1]):
        values = both[:, column]
        if np.isfinite(values).any() and not any(np.array_equal(values, both[:, o], equal_nan=True) for o in chosen):
            chosen.append(column)
    return [(column, list(_BEHIND)[column]) for column in chosen]


def _surprise_at(
    at: int, column: int, name: str, unit: str, periods: Periods, now: Numbers, known: Numbers, vouched: Flags
) -> tuple[float, str] | None:
    """The surprise of one number of the period at that place, and its changes; None without history enough."""
    if not np.isfinite(now[at, column]):
        return None
    counting = np.flatnonzero(np.isfinite(known[:at, column]))
    values = np.append(known[counting, column], now[at, column])
    places = np.append(counting, at)
    taken = periods.at(places)
    if name == "obs_value" and unit == "fraction":
        by_chance = chance(values, float(np.nan_to_num(now[at, -1])))
    else:  # whole numbers behind a value count something
        counts = unit in ("count", "persons") if name == "obs_value" else bool((values == np.floor(values)).all())
        by_chance = chance(values, None) if counts else 0.0
    figure = score(taken, values, by_chance, vouched[places])
    return None if figure is None else (figure, described(taken, values))
