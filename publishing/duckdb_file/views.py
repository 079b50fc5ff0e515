"""The views of the published file, each of one frequency, so that what is summed in it isn't counted twice.

The totals of all KPIs; for each segment its members, with a column for each segment of a combination; for each domain a
column per KPI.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from metrics.core.periods import FREQ_NAMES
from metrics.core.quoting import identifier, literal
from metrics.core.segments import part_sql, parts_of
from metrics.definitions.catalog import Catalog
from publishing.duckdb_file.comments import COLUMN_COMMENTS
from publishing.usual_changes import is_usual_sql

_TOTALS = f"""
select
    o.* exclude (freq, segment, member),
    {is_usual_sql("previous")} as change_previous_is_usual,
    {is_usual_sql("year_ago")} as change_year_ago_is_usual
from kpi.observations o
left join kpi.usual_changes u using (kpi_id, freq)
where segment = '_T' and freq = {{freq}}
order by kpi_id, period_start
"""
_BY_SEGMENT = """
select {columns}, * exclude (freq, segment, member) from kpi.observations
where segment = {segment} and freq = {freq}
order by kpi_id, period_start, member
"""


class View(NamedTuple):
    """A view: its query, its comment, and the comments of those columns that aren't of `kpi.observations`."""

    sql: str
    comment: str
    columns: dict[str, str]


def views(catalog: Catalog) -> dict[str, View]:
    """The views by name."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kpi in catalog.kpis:
        if kpi.supplied:
            for freq in kpi.freqs:
                groups[kpi.domain, freq].append(kpi.kpi_id)
    wide = {
        f"{re.sub(r'[^a-z0-9_]', '_', domain.lower())}_{FREQ_NAMES[freq]}": _wide(catalog, domain, freq, kpi_ids)
        for (domain, freq), kpi_ids in groups.items()
    }
    cuts = {(cut, freq) for kpi in catalog.kpis if kpi.supplied for cut in kpi.segments for freq in kpi.freqs}
    names = _segment_names({segment for segment, _ in cuts})
    by_segment = {
        f"by_{names[segment]}_{FREQ_NAMES[freq]}": _by_segment(segment, freq) for segment, freq in sorted(cuts)
    }
    return wide | by_segment | {f"totals_{FREQ_NAMES[freq]}": _totals(freq) for _, freq in groups}


def _segment_names(cuts: Iterable[str]) -> dict[str, str]:
    """The segments' names as parts of view names: the parts of a combination are joined by `_`.

    They are joined by `__x__` if another segment would have the same name: `a` and `b` if there is also `a_b`.
    """
    names = {segment: "_".join(parts_of(segment)) for segment in cuts}
    uses = Counter(names.values())
    return {segment: name if uses[name] == 1 else "__x__".join(parts_of(segment)) for segment, name in names.items()}


def _totals(freq: str) -> View:
    comment = (
        f"The {FREQ_NAMES[freq]} totals of all KPIs: newest published values, one row per KPI and period. No member"
        " and no other frequency stands beside them, so that nothing is counted twice."
    )
    return View(_TOTALS.format(freq=literal(freq)), comment, {})


def _by_segment(segment: str, freq: str) -> View:
    """A column for each segment of a combination; `<segment>_member` where the observations have a column so named."""
    parts = parts_of(segment)
    names = [f"{part}_member" if part in COLUMN_COMMENTS else part for part in parts]
    members = ["member"] if len(parts) == 1 else [part_sql("member", number) for number in range(1, len(parts) + 1)]
    columns = ", ".join(f"{member} as {identifier(name)}" for member, name in zip(members, names, strict=True))
    comment = (
        f"The {FREQ_NAMES[freq]} values of all KPIs by {' and '.join(parts)}: newest published values, one row per KPI,"
        " period and member. Neither totals nor other segments stand beside them, so that nothing is counted twice."
    )
    sql = _BY_SEGMENT.format(columns=columns, segment=literal(segment), freq=literal(freq))
    return View(sql, comment, {name: f"Member of {part}; _U unknown" for name, part in zip(names, parts, strict=True)})


def _wide(catalog: Catalog, domain: str, freq: str, kpi_ids: list[str]) -> View:
    """A column with the value of each KPI, and one with its status in words."""
    columns, comments = [], {}
    for kpi_id in kpi_ids:
        kpi, status_column = catalog.kpi(kpi_id), f"{kpi_id}_status"
        of_kpi = f"filter (where kpi_id = {literal(kpi_id)})"
        columns.append(f"max(obs_value) {of_kpi} as {identifier(kpi_id)}")
        comments[kpi_id] = f"{kpi.name}, {kpi.unit}; NULL where {status_column} says why, or nothing is published"
        if status_column not in kpi_ids:
            columns.append(f"max(status) {of_kpi} as {identifier(status_column)}")
            comments[status_column] = f"{kpi.name}: the value's status in words"
    listed = ",\n    ".join(columns)
    sql = (
        f"select\n    time_period, period_start, period_end, segment, member,\n    {listed}\n"
        "from kpi.observations\n"
        f"where freq = {literal(freq)} and kpi_id in ({', '.join(map(literal, kpi_ids))})\n"
        "group by time_period, period_start, period_end, segment, member\norder by period_start, segment, member"
    )
    comment = f"The {FREQ_NAMES[freq]} KPIs of {domain}, a column for each and one for its status: newest values."
    return View(sql, comment, comments)
