"""The spans of days that the checks of rows and values read for each planned key.

They are the days of its period, without months that were published by themselves, and the months that it looks back
on, unless those are judged by a value of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

from data_quality.gate.keys import Planned
from metrics.core.periods import Period, parse, period_of
from metrics.definitions.catalog import Key

SPANS = "key_no bigint, kpi_id varchar, freq varchar, period_start date, period_end date"


def spans(
    planned: Sequence[Planned], in_baseline: Sequence[bool], published: Collection[Key], held: Collection[Key]
) -> list[tuple[Any, ...]]:
    """One row per planned key and span: its period, and each month that it looks back on and that no value judges.

    The columns are those of SPANS. `freq` is M for a month of a longer period.

    A quarter or year of a monthly KPI, outside the baseline, has a row for each of its months instead. Months that were
    published are left out, unless they are `held` now or planned: what was judged or released once isn't judged again.
    Months of the baseline are left out, too.

    A month that the value looks back on is left out if the KPI, or a KPI that it is computed from, has a published or
    planned period in it. If that period changes or isn't published, the period itself is held, and eligibility holds
    what looks back on it. Keys of the baseline have no rows for months that they look back on.
    """
    judged: dict[str, set[date]] = defaultdict(set)
    for kpi_id, _, code in {*published, *(planned_key.key for planned_key in planned)}:
        period = parse(code)
        judged[kpi_id].update(month.start for month in _months(period.start, period.end))
    settled = set(published) - set(held) - {planned_key.key for planned_key in planned}
    settled |= {planned_key.key for planned_key, is_old in zip(planned, in_baseline, strict=True) if is_old}
    rows = []
    for key_no, (planned_key, is_old) in enumerate(zip(planned, in_baseline, strict=True)):
        kpi, planned_period = planned_key.kpi, planned_key.period
        judged_months = set().union(*(judged[kpi_id] for kpi_id in (kpi.kpi_id, *kpi.covers)))
        lookback_months = {
            month
            for first, last in ([] if is_old else kpi.looks_back_on(planned_period))
            for month in _months(first, last)
            if month.start not in judged_months
        }
        own = [planned_period]
        if planned_period.freq in ("Q", "A") and "M" in kpi.freqs and not is_old:
            months = _months(planned_period.start, planned_period.end)
            own = [month for month in months if (kpi.kpi_id, "M", month.code) not in settled]
        for period in (*own, *sorted(lookback_months)):
            rows.append((key_no, kpi.kpi_id, period.freq, period.start, period.end))
    return rows


def _months(first: date, last: date) -> Iterator[Period]:
    """The months from the month of the first day to the month of the last day."""
    month = period_of("M", first)
    while month.start <= last:
        yield month
        month = month.next()
