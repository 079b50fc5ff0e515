"""A target is met in some period of a year.

A target that is never met is out of reach, or nothing is done about it: state one that can be reached and what will be
done for it, or retire the KPI.
"""

from __future__ import annotations

from collections.abc import Iterator

from publishing.lint.record import Record


def findings(record: Record) -> Iterator[tuple[str, str]]:
    if record.attained and not any(record.attained):
        yield record.kpi_id, f"its target was met in none of the past {record.periods}"
