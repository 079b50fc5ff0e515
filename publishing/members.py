"""Members of segments in words, where they are ids of KPIs: those of `kpi_served` are shown by the KPI's name."""

from __future__ import annotations

from collections.abc import Mapping

from metrics.core.segments import member_parts, member_words, parts_of

_KPI_SERVED = "kpi_served"


def member_name(segment: str, member: str, kpi_names: Mapping[str, str]) -> str:
    """The member for people. `kpi_names` are the KPIs' names by id; a KPI that isn't among them keeps its id."""
    parts = parts_of(segment)
    if _KPI_SERVED not in parts:
        return member_words(segment, member)
    members = member_parts(member) if len(parts) > 1 else (member,)
    names = [
        kpi_names.get(name, name) if part == _KPI_SERVED else name for part, name in zip(parts, members, strict=True)
    ]
    return " × ".join(names)
