"""A target isn't met in every period of a year.

A target that is always met asks for nothing: raise it, or retire the KPI if its objective is reached.
"""

from __future__ import annotations

from collections.abc import Iterator

from publishing.lint.record import Record


def findings(record: Record) -> Iterator[tuple[str, str]]:
    if record.attained and all(record.attained):
        yield record.kpi_id, f"its target was met in all of the past {record.periods}"
