"""The days whose rows a value is computed from, for the checks of rows and values.

They are its period's, but for the months that were published by themselves, and those that it looks back on where no
value of these days is judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from data_quality.gate.keys import Planned
from metrics.core.periods import Period, parse, period_of
from metrics.definitions.catalog import Key

SPANS = pa.schema(
    [
        ("key_no", pa.int64()),
        ("kpi_id", pa.string()),
        ("freq", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
    ]
)


def spans(
    planned: Sequence[Planned], in_baseline: Sequence[bool], published: Collection[Key], held: Collection[Key]
) -> list[dict[str, Any]]:
    """A row for each planned key's period, and for each month that it looks back on and that isn't judged otherwise.

    Columns: key_no, kpi_id, freq, period_start, period_end. Of a quarter or year it is a row for each month that wasn't
    published by itself, or is `held` now: what was judged, or released, once isn't judged again. A month that is looked
    back on is judged otherwise where the KPI, or one that it covers, has a period in it that was published or is
    planned: if it changes, or isn't published, that one is held, and admission holds what looks back on it. The
    baseline isn't a suspect.
    """
    judged: dict[str, set[date]] = defaultdict(set)
    for kpi_id, _, code in {*published, *(item.key for item in planned)}:
        period = parse(code)
        judged[kpi_id].update(month.start for month in _months(period.start, period.end))
    settled = set(published) - set(held) - {item.key for item in planned}
    settled |= {item.key for item, is_old in zip(planned, in_baseline, strict=True) if is_old}
    rows = []
    for key_no, (item, is_old) in enumerate(zip(planned, in_baseline, strict=True)):
        others = set().union(*(judged[kpi_id] for kpi_id in (item.kpi.kpi_id, *item.kpi.covers)))
        months = {
            month
            for first, last in ([] if is_old else item.kpi.looks_back_on(item.period))
            for month in _months(first, last)
            if month.start not in others
        }
        own = [item.period]
        if item.period.freq in ("Q", "A") and "M" in item.kpi.freqs and not is_old:
            whole = _months(item.period.start, item.period.end)
            own = [month for month in whole if (item.kpi.kpi_id, "M", month.code) not in settled]
        for period in (*own, *sorted(months)):
            facts = {"freq": period.freq, "period_start": period.start, "period_end": period.end}
            rows.append({"key_no": key_no, "kpi_id": item.kpi.kpi_id, **facts})
    return rows


def _months(first: date, last: date) -> Iterator[Period]:
    """The months of those days."""
    month = period_of("M", first)
    while month.start <= last:
        yield month
        month = month.next()
