"""The values of a KPI in use differ from each other.

A value that was the same in every period of a year tells nobody anything new. Either the data don't change, which is
worth a look, or the KPI can be retired.
"""

from __future__ import annotations

from collections.abc import Iterator

from publishing.lint.record import Record


def findings(record: Record) -> Iterator[tuple[str, str]]:
    if record.values and min(record.values) == max(record.values):
        yield record.kpi_id, f"its value was the same in all of the past {record.periods}"
