"""What a question names: a KPI by id or name, a frequency, a segment's member, a period; with the most similar ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from metrics.core.errors import NyckeltalError, did_you_mean, not_adopted
from metrics.core.periods import FREQ_NAMES
from metrics.core.segments import canonical
from metrics.core.text import visible
from publishing.answers import Answer
from publishing.answers.value_rows import plain_rows

KPIS = """
select c.*, b.name as objective_name, b.perspective, s.status, s.held as periods_held
from kpi.catalog c
join kpi.scorecard s using (kpi_id)
left join kpi.objectives b on b.objective = c.objective
order by c.domain, c.kpi_id
"""


def named_kpi(connection: duckdb.DuckDBPyConnection, kpi: str) -> Answer:
    """The catalogue's row of a KPI with that id or name. Raises NyckeltalError, with the most similar id, for none."""
    return entry_named(plain_rows(connection, KPIS), kpi)


def entry_named(entries: Sequence[Answer], kpi: str) -> Answer:
    """The row of `entries` with that id or name. Raises NyckeltalError, with the most similar id, for none."""
    for row in sorted(entries, key=lambda row: row["kpi_id"] != kpi.strip()):  # an id counts before another's name
        if kpi.strip().casefold() in (row["kpi_id"], row["name"].casefold()):
            return row
    raise not_adopted(visible(kpi), [row["kpi_id"] for row in entries])


def freq_named(entry: Mapping[str, Any], freq: str) -> str:
    """The frequency, by default the KPI's main one. Raises NyckeltalError if the KPI isn't published at it."""
    freqs, chosen = listed(entry["freqs"]), freq or entry["main_freq"]
    if chosen not in freqs:
        problem = f"{entry['kpi_id']} is not published {FREQ_NAMES.get(chosen, 'at this frequency')}"
        raise NyckeltalError(problem, field="freq", found=chosen, expected=" or ".join(freqs))
    return chosen


def member_named(
    connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any], segment: str, member: str
) -> tuple[str, str]:
    """The segment and member as the tables have them. Raises NyckeltalError if nothing is published for them."""
    segments, segment = listed(entry["segments"]), canonical(segment)
    if segment in ("", "_T"):
        return "_T", "_T"
    if segment not in segments:
        problem = f"{entry['kpi_id']} is not cut by that segment{did_you_mean(segment, segments)}"
        raise NyckeltalError(problem, field="segment", found=segment, expected=" or ".join(segments) or "none")
    query = "select distinct member from kpi.observations where kpi_id = ? and segment = ? order by all"
    known = [name for (name,) in connection.execute(query, [entry["kpi_id"], segment]).fetchall()]
    for name in sorted(known, key=lambda name: name != member):  # members may differ in case only
        if member.casefold() in (name.casefold(), visible(name).casefold()):
            return segment, name
    problem = f"no such member of {segment}{did_you_mean(member, known)}"
    shown = ", ".join(visible(name) for name in known[:50])
    raise NyckeltalError(problem, field="member", found=member, expected=shown)


def newest_period(connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any]) -> str | None:
    """The newest period of the KPI on the scorecard; None where nothing is published."""
    query = "select time_period from kpi.scorecard where kpi_id = ?"
    row = connection.execute(query, [entry["kpi_id"]]).fetchone()
    return row[0] if row else None


def newest_with_target(connection: duckdb.DuckDBPyConnection, entry: Mapping[str, Any]) -> str | None:
    """The newest period of the KPI that has a value and a target; None where there is none."""
    query = """select time_period from kpi.observations
               where kpi_id = ? and segment = '_T' and target is not null and obs_value is not null
               order by freq <> (select freq from kpi.scorecard where kpi_id = ?), period_start desc limit 1"""
    row = connection.execute(query, [entry["kpi_id"], entry["kpi_id"]]).fetchone()
    return row[0] if row else None


def target_of_newest(connection: duckdb.DuckDBPyConnection, kpi_id: str) -> Answer:
    """The target of the newest period, that period, and whether single periods have targets of their own.

    `target` is the one that is stated for all periods where nothing is published.
    """
    (row,) = plain_rows(
        connection,
        """select
               if(s.time_period is null, c.target, s.target) as target,
               if(s.time_period is null, c.target_to, s.target_to) as target_to,
               if(s.target is null, null, s.time_period) as target_period,
               exists(
                   select 1 from kpi.targets t
                   join kpi.calendar d on d.kpi_id = t.kpi_id
                       and d.period_start = t.valid_from and d.period_end = t.valid_to
                   where t.kpi_id = c.kpi_id and d.freq = s.freq
               ) as target_varies
           from kpi.catalog c join kpi.scorecard s using (kpi_id) where c.kpi_id = ?""",
        [kpi_id],
    )
    return row


def listed(text: str) -> list[str]:
    return text.split(", ") if text else []
