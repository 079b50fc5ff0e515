"""A KPI in use is reviewed every month or quarter, as its adoption says.

A KPI that nobody looks at costs work and misleads: its owner keeps, changes or retires it with `kpi review`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from publishing.lint.record import Record


def findings(record: Record, day: date) -> Iterator[tuple[str, str]]:
    if record.due_on is not None and record.due_on < day:
        yield record.kpi_id, f"its review was due on {record.due_on}"
