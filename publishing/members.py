"""Members of segments in words: paid_search is "paid search", and a KPI that a goal serves has its name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from metrics.core.segments import member_parts, parts_of

_KPI_SERVED = "kpi_served"


def member_name(segment: str, member: str, kpi_names: Mapping[str, str]) -> str:
    """The member for people, as `segments.words` writes the segment. `kpi_names` are the KPIs' names by id."""
    parts = parts_of(segment)
    members = member_parts(member) if len(parts) > 1 else (member,)
    names = [
        kpi_names[name] if part == _KPI_SERVED and name in kpi_names else _spaced(name)
        for part, name in zip(parts, members, strict=True)
    ]
    return " × ".join(names)


def _spaced(member: str) -> str:
    """Words that underscores join, with spaces."""
    return re.sub(r"\b[a-z0-9]+(_[a-z0-9]+)+\b", lambda found: found[0].replace("_", " "), member)
