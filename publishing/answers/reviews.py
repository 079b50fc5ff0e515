"""What a review of a KPI looks at, and which reviews are due; read from the published file alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from metrics.core.errors import NyckeltalError
from metrics.core.periods import earlier
from publishing import reader
from publishing.answers.lookup import target_of_newest

_DUE = """
select r.*, c.name, s.status, (?::date - r.due_on) as days_overdue from kpi.reviews r
join kpi.catalog c using (kpi_id) join kpi.scorecard s using (kpi_id)
where r.due_on is not null order by r.due_on, r.kpi_id
"""
_VALUES = """
select time_period, obs_value, target, target_to, target_status, change_previous, change_year_ago, obs_status
from kpi.observations where kpi_id = $kpi_id and freq = $freq and segment = '_T'
qualify row_number() over (order by period_start desc) <= 60 order by period_start
"""
_ATTAINMENT = """
select count(target_attained) as compared, count(*) filter (target_attained) as met,
    count(target_attained) filter (period_end > $since) as compared_in_year,
    count(*) filter (target_attained and period_end > $since) as met_in_year
from kpi.observations where kpi_id = $kpi_id and freq = $freq and segment = '_T'
"""
_REVISIONS = """
select count(*) as revised, count(*) filter (c.closes_on < v.realtime_start) as after_closing
from kpi.vintages v left join kpi.calendar c using (kpi_id, freq, time_period)
where v.kpi_id = $kpi_id and v.segment = '_T' and v.revision_type is not null and v.realtime_start > $since
"""
_INCIDENTS = """
select incident_id, state, title, since, until, decided_by, reason from kpi.incidents
where list_contains(string_split(kpis, ', '), $kpi_id) and until > $since order by since desc
"""
_DECISIONS = """
select decision, outcome, time_period, reason, decided_by, decided_at::date as decided_on from kpi.decisions
where kpi_id = $kpi_id and incident_id is null order by decided_at desc limit 5
"""
_OPINIONS = """
select kpi_id, proposal, in_favour, reason, stated_by, stated_at::date as stated_on from kpi.opinions
where counts and proposal = $proposal order by stated_at
"""
_INITIATIVES = """
select initiative, name, description, owner, since, until, state from kpi.initiatives
where kpi_id = $kpi_id order by since, initiative
"""
_DEFINITION = (
    *("kpi_id", "name", "description", "formula", "domain", "unit", "currency", "direction", "type", "level", "owner"),
    *("objective", "target", "target_to", "target_freq", "target_note", "definition_version"),
    *("retired_on", "retired_reason", "replaced_by"),
)


def due(day: date) -> list[dict[str, Any]]:
    """The reviews of all KPIs in use, the soonest due first; `days_overdue` is negative for those not due yet."""
    return reader.query(_DUE, [day])


def opinions(proposal: str) -> dict[str, list[dict[str, Any]]]:
    """The opinions that count on adopting or retiring KPIs (`adopt`, `retire`), by KPI, the oldest first."""
    by_kpi: dict[str, list[dict[str, Any]]] = {}
    for row in reader.query(_OPINIONS, {"proposal": proposal}):
        by_kpi.setdefault(row["kpi_id"], []).append(row)
    return by_kpi


def review(kpi_id: str, day: date, lang: str = "en") -> dict[str, Any]:
    """What a review looks at: definition, values, attainment, revisions, incidents, decisions, opinions.

    `values` are totals at the frequency of the target, else at the main one, oldest first. Revisions and incidents are
    those of the year before `day`. What speaks against the KPI or its target: `publishing/lint/`.
    `target` is that of the newest period, `target_period`; `target_varies` says that single periods have their own.
    Names and the description are in the language `lang`, where the definition has them; what people wrote stays as it
    is. Raises NyckeltalError for a KPI that no release has, and when nothing was published.
    """
    past_year = {"since": earlier(day, "1 year")}
    of_kpi = {"kpi_id": kpi_id}
    entries = reader.query("from kpi.catalog where kpi_id = $kpi_id", of_kpi)
    if not entries:
        raise NyckeltalError(f"{kpi_id} is in no release yet; `kpi run` publishes it", field="KPI")
    (entry,) = entries
    key = of_kpi | {"freq": entry["target_freq"] or entry["main_freq"]}
    (state,) = reader.query("from kpi.reviews where kpi_id = $kpi_id", of_kpi)
    reviewed = state["reviewed_on"]
    replaces = reader.query("select kpi_id, name, retired_on from kpi.catalog where replaced_by = $kpi_id", of_kpi)
    with reader.opened() as connection:
        target = target_of_newest(connection, kpi_id)
    catalog = reader.newest_catalog().in_language(lang)
    for row in replaces:
        row["name"] = catalog.kpi(row["kpi_id"]).name
    kpi = catalog.kpi(kpi_id)
    return {
        **{name: entry[name] for name in _DEFINITION},
        "name": kpi.name,
        "description": kpi.description,
        **target,
        "freq": key["freq"],
        "values": reader.query(_VALUES, key),
        "attainment": reader.query(_ATTAINMENT, key | past_year)[0],
        "revisions": reader.query(_REVISIONS, of_kpi | past_year)[0],
        "incidents": reader.query(_INCIDENTS, of_kpi | past_year),
        "decisions": reader.query(_DECISIONS, of_kpi),
        "review": {**state, "days_since": (day - reviewed) // timedelta(days=1) if reviewed else None},
        "opinions_on_retiring": opinions("retire").get(kpi_id, []),
        "initiatives": reader.query(_INITIATIVES, of_kpi),
        "replaces": replaces,
    }
