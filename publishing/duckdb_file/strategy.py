"""The strategy's rows in the published file: objectives with their attainment, targets, initiatives with their state.

Attainment. A key KPI that is on target counts 1, one at risk a half, one off target 0. An objective's attainment is the
mean over its key KPIs, which weigh 1 each, and the objectives that are a part of it, which have weights of their own.
KPIs that can't be compared with a target (no target, suppressed, nothing published) are left out, and so are supporting
KPIs. An objective with nothing left has no attainment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from metrics.core.segments import part_sql
from metrics.definitions.catalog import Catalog
from publishing.duckdb_file import relations

CREDIT = {"on target": 1.0, "at risk": 0.5, "off target": 0.0}
"""What a key KPI of that status counts; one with another status is left out."""
OBJECTIVES = pa.schema(
    [
        *((name, pa.string()) for name in ("objective", "name", "perspective", "description", "part_of", "owner")),
        ("horizon", pa.date32()),
        ("weight", pa.float64()),
        ("attainment", pa.float64()),
        *((name, pa.int64()) for name in ("kpis_on_target", "kpis_at_risk", "kpis_off_target", "kpis_not_judged")),
        ("kpis_supporting", pa.int64()),
    ]
)
TARGETS = pa.schema(
    [
        ("kpi_id", pa.string()),
        *((name, pa.float64()) for name in ("target", "target_to", "at_risk", "at_risk_to")),
        *((name, pa.date32()) for name in ("valid_from", "valid_to")),
        *((name, pa.string()) for name in ("rationale", "source")),
    ]
)
ATTAINMENT = pa.schema(
    [
        ("objective", pa.string()),
        ("time_period", pa.string()),
        ("period_end", pa.date32()),
        ("attainment", pa.float64()),
    ]
)
INITIATIVES = pa.schema(
    [
        *((name, pa.string()) for name in ("initiative", "name", "description", "objective", "kpi_id", "owner")),
        *((name, pa.date32()) for name in ("since", "until")),
        ("state", pa.string()),
    ]
)

# Of a KPI that is cut by `kpi_served`: which team's goals serve which KPI. `_T` stands for what isn't cut.
TEAM_GOALS = f"""
with goals as (
    select
        o.*,
        case o.segment when 'team' then '_T' when 'kpi_served' then o.member else {part_sql("o.member", 1)} end
            as kpi_served,
        case o.segment when 'kpi_served' then '_T' when 'team' then o.member else {part_sql("o.member", 2)} end as team
    from kpi.observations o
    join kpi.catalog c using (kpi_id)
    where o.segment in ('team', 'kpi_served', 'kpi_served:team')
        and list_contains(string_split(c.segments, ', '), 'kpi_served')
)
select
    g.kpi_id, g.freq, g.time_period, g.period_start, g.period_end, g.is_newest, g.kpi_served, g.team, s.objective,
    g.obs_value as attainment, g.denominator as goal_weight,
    case when s.objective is not null then
        g.denominator / nullif(sum(g.denominator) over (
            partition by g.kpi_id, g.freq, g.time_period, g.segment, s.objective
        ), 0)
    end as share_of_objective,
    g.status
from goals g
left join kpi.catalog s on s.kpi_id = g.kpi_served
order by g.kpi_id, g.freq, g.period_start, g.kpi_served, g.team
"""

# For each month that has ended, what the scorecard would have said at its end, by the values and targets of today.
_STATUSES_BY_MONTH = """
with judged as (
    select o.kpi_id, o.period_start, o.period_end, o.target_status
    from kpi.observations o
    join kpi.scorecard s using (kpi_id, freq)
    where o.segment = '_T' and o.obs_status not in ('O', 'M')
),
months as (
    select unnest(generate_series(
        date_trunc('month', min(period_start))::date, max(period_end), interval 1 month
    ))::date as first_day from judged
),
wanted as (
    select kpi_id, strftime(first_day, '%Y-%m') as time_period, last_day(first_day) as month_end
    from months cross join (select distinct kpi_id from judged)
    where month_end <= (select max(period_end) from judged)
)
select w.time_period, w.month_end, w.kpi_id, j.target_status
from wanted w
asof join judged j on w.kpi_id = j.kpi_id and w.month_end >= j.period_end
order by w.time_period
"""


def fill(connection: duckdb.DuckDBPyConnection, catalog: Catalog, day: date) -> None:
    """Fill the tables of objectives and initiatives as they stand on that day; kpi.scorecard has the KPIs' statuses."""
    statuses = dict(connection.execute("select kpi_id, status from kpi.scorecard").fetchall())
    relations.fill(connection, "objectives", objectives(catalog, statuses), OBJECTIVES)
    relations.fill(connection, "initiatives", initiatives(catalog, day), INITIATIVES)
    by_month: dict[tuple[str, date], dict[str, str]] = defaultdict(dict)
    for time_period, month_end, kpi_id, status in connection.execute(_STATUSES_BY_MONTH).fetchall():
        by_month[time_period, month_end][kpi_id] = status or ""
    history = [
        {"time_period": time_period, "period_end": month_end, **row}
        for (time_period, month_end), statuses in by_month.items()
        for row in objectives(catalog, statuses)
        if row["attainment"] is not None
    ]
    relations.fill(connection, "attainment", history, ATTAINMENT)


def objectives(catalog: Catalog, statuses: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows of kpi.objectives. `statuses` are those of kpi.scorecard, by KPI.

    The counts of KPIs are over the objective and all that is a part of it.
    """
    parts: dict[str, list[str]] = defaultdict(list)
    for key, objective in catalog.objectives.items():
        if objective.part_of:
            parts[objective.part_of].append(key)
    key_statuses: dict[str, list[str]] = defaultdict(list)
    supporting: Counter[str] = Counter()
    for kpi in catalog.kpis:
        if statuses.get(kpi.kpi_id) == "retired":
            continue
        if kpi.level == "key":
            key_statuses[kpi.objective].append(statuses.get(kpi.kpi_id, "nothing published"))
        else:
            supporting[kpi.objective] += 1

    def attainment(key: str) -> float | None:
        judged = [(1.0, CREDIT[status]) for status in key_statuses[key] if status in CREDIT]
        for part in parts[key]:
            if (of_part := attainment(part)) is not None:
                judged.append((catalog.objectives[part].weight, of_part))
        total = sum(weight for weight, _ in judged)
        return sum(weight * credit for weight, credit in judged) / total if judged else None

    def with_parts(key: str) -> list[str]:
        return [key, *(other for part in parts[key] for other in with_parts(part))]

    rows = []
    for key, objective in catalog.objectives.items():
        subtree = with_parts(key)
        counts = Counter(status if status in CREDIT else "" for part in subtree for status in key_statuses[part])
        rows.append(
            {
                "objective": key,
                **objective.model_dump(exclude={"labels"}),
                "owner": objective.owner or None,
                "attainment": attainment(key),
                "kpis_on_target": counts["on target"],
                "kpis_at_risk": counts["at risk"],
                "kpis_off_target": counts["off target"],
                "kpis_not_judged": counts[""],
                "kpis_supporting": sum(supporting[part] for part in subtree),
            }
        )
    return rows


def targets(catalog: Catalog) -> list[dict[str, Any]]:
    """The rows of kpi.targets. Only the present target and its single periods have rationale and source."""
    rows = []
    for kpi in catalog.kpis:
        present = {"rationale": kpi.target_rationale or None, "source": kpi.target_source}
        for target in kpi.targets:
            is_earlier = kpi.target_since is not None and (target.valid_from or date.min) < kpi.target_since
            rows.append(
                {"kpi_id": kpi.kpi_id, **({} if is_earlier else present), **vars(target), "target": target.value}
            )
    return rows


def initiatives(catalog: Catalog, day: date) -> list[dict[str, Any]]:
    """The rows of kpi.initiatives, with their state on that day."""
    return [
        {"initiative": key, "kpi_id": initiative.kpi, "state": initiative.state(day)}
        | initiative.model_dump(include={"name", "description", "objective", "owner", "since", "until"})
        for key, initiative in catalog.initiatives.items()
    ]
