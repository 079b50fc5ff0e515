"""The checks of the gate: what each one measures, in SQL. Judging the figures is the matter of `expectations.py`.

Every check is a query that gives one row per planned key: key_no, figure (what the limit is held against; a key
passes when figure <= limit), applies, detail (for a reader; may hold figures). A figure that is NULL or NaN where the
check applies counts as not evaluated. The queries read the temporary tables of `candidates.py` and of this module:
planned, rules, kpi_feeds, kpi_segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from data_quality.plan import Planned
from data_quality.verdict import Severity
from data_quality.warehouse import has_table
from metrics.catalog import CatalogKpi


@dataclass(frozen=True)
class Check:
    """One check. `default_limit` holds unless the KPI's `gate` sets another under the check's name."""

    name: str
    description: str
    severity: Severity
    default_limit: float
    sql: str


CANDIDATES_EXIST = """
select
    p.key_no,
    abs(count(*) filter (c.segment = '_T' and c.member = '_T') - 1)
        + count(*) filter (c.kpi_id is not null and c.batch_id is distinct from any_batch)
        + count(*) filter (c.kpi_id is not null and c.definition_hash is distinct from r.definition_hash)
        + count(*) filter (c.period_start <> p.period_start or c.period_end <> p.period_end)
        + count(*) filter (c.kpi_id is not null and (c.segment is null or c.member is null))
        + count(c.kpi_id) - count(distinct case when c.kpi_id is not null then (c.segment, c.member) end)
        + case when bool_and(coalesce(ok, false)) then 0 else 1 end as figure,
    true as applies,
    case
        when max(r.unreadable) is not null then max(r.unreadable)
        when not bool_or(coalesce(built, false)) then 'no build of it is recorded'
        when not bool_and(coalesce(ok, false)) then 'its newest build failed' || coalesce(': ' || max(reason), '')
        when count(c.kpi_id) = 0 then 'the build has no rows for this period'
        when count(*) filter (c.segment = '_T' and c.member = '_T') <> 1 then 'the build has not exactly one total'
        when count(*) filter (c.batch_id is distinct from any_batch) > 0 then 'rows are of an older build'
        when count(*) filter (c.definition_hash is distinct from r.definition_hash) > 0
            then 'rows were computed by another definition than the catalogue has'
        when count(*) filter (c.period_start <> p.period_start or c.period_end <> p.period_end) > 0
            then 'rows have other period bounds'
        when count(*) filter (c.segment is null or c.member is null) > 0 then 'rows lack their segment or member'
        when count(*) > count(distinct (c.segment, c.member)) then 'a segment member occurs twice'
        else ''
    end as detail
from planned p
join rules r using (kpi_id)
left join (select *, batch_id as any_batch, true as built from builds) b using (kpi_id)
left join candidate_rows c
    on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
group by p.key_no
"""

NOT_NULL = """
select
    p.key_no,
    case when count(c.kpi_id) > 0 then count(*) filter (
        c.kpi_id is not null and c.obs_value is null and not (
            c.segment <> '_T' and case r.null_rule
                when 'no denominator' then coalesce(c.denominator, 0) = 0
                when 'no rows' then coalesce(c.n_obs, 0) = 0
                else false
            end
        )
    ) end as figure,
    true as applies,
    case when count(*) filter (c.segment = '_T' and c.obs_value is null) > 0 then 'the total has no value'
        else 'rows lack a value: ' || coalesce(string_agg(c.member, ', ' order by c.member)
            filter (c.obs_value is null), '') end as detail
from planned p
join rules r using (kpi_id)
left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
group by p.key_no
"""

# A bound may be missed by the last digits of a floating-point sum.
WITHIN_BOUNDS = """
select
    key_no,
    case when count(kpi_id) > 0 then count(*) filter (outside) end as figure,
    true as applies,
    count(*) filter (outside) || ' values outside '
        || coalesce(any_value(lower_bound)::varchar, 'no lower bound') || ' to '
        || coalesce(any_value(upper_bound)::varchar, 'no upper bound')
        || coalesce(': ' || min(segment || ' ' || member || ' = ' || obs_value::varchar) filter (outside), '') as detail
from (
    select p.key_no, c.kpi_id, c.segment, c.member, c.obs_value, r.lower_bound, r.upper_bound,
        coalesce(
            not isfinite(c.obs_value)
            or c.obs_value < r.lower_bound - 1e-9 * greatest(1, abs(r.lower_bound))
            or c.obs_value > r.upper_bound + 1e-9 * greatest(1, abs(r.upper_bound)),
            false
        )
        or coalesce(not isfinite(c.numerator), false)
        or coalesce(not isfinite(c.denominator), false) as outside
    from planned p
    join rules r using (kpi_id)
    left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
)
group by key_no
"""

# Changes are logarithmic while the series is positive up to the period, else differences. `h` walks over the earlier
# periods only. The scale has a floor, and the deviation is at most the change itself: under 5 % nothing alarms.
# While there are fewer than 8 earlier year-on-year changes, those are held against the scale of the other ones.
PLAUSIBLE_CHANGE = """
with totals as (
    select c.kpi_id, c.freq, c.time_period, c.period_start, c.period_end, max(c.obs_value) as v
    from candidate_rows c
    join rules r using (kpi_id)
    where c.segment = '_T' and c.member = '_T' and isfinite(c.obs_value)
        and c.period_start >= coalesce(r.observable_from, c.period_start)
    group by all
),
changes as (
    select
        t.*,
        min(t.v) over (partition by t.kpi_id, t.freq order by t.period_start) > 0 as positive,
        b.v as before,
        y.v as year_ago,
        case when t.v > 0 and b.v > 0 then ln(t.v / b.v) end as log_change,
        case when t.v > 0 and y.v > 0 then ln(t.v / y.v) end as log_change_year,
        t.v - b.v as change,
        t.v - y.v as change_year
    from totals t
    left join totals b on b.kpi_id = t.kpi_id and b.freq = t.freq and b.period_end + 1 = t.period_start
    left join totals y on y.kpi_id = t.kpi_id and y.freq = t.freq
        and y.time_period = (left(t.time_period, 4)::integer - 1)::varchar || substr(t.time_period, 5)
),
history as (
    select
        p.key_no,
        any_value(r.plausible_limit) as max_z,
        any_value(t.before) as before,
        any_value(t.year_ago) as year_ago,
        any_value(t.v) as v,
        any_value(case when t.positive then t.log_change else t.change end) as c,
        any_value(case when t.positive then t.log_change_year else t.change_year end) as c_year,
        count(case when t.positive then h.log_change else h.change end) as n,
        median(case when t.positive then h.log_change else h.change end) as centre,
        mad(case when t.positive then h.log_change else h.change end) as spread,
        count(case when t.positive then h.log_change_year else h.change_year end) as n_year,
        median(case when t.positive then h.log_change_year else h.change_year end) as centre_year,
        mad(case when t.positive then h.log_change_year else h.change_year end) as spread_year,
        case when bool_and(t.positive) then ln(1.05) else 0.05 * median(abs(h.v)) end as unremarkable
    from planned p
    join rules r using (kpi_id)
    join changes t on t.kpi_id = p.kpi_id and t.freq = p.freq and t.time_period = p.time_period
    left join changes h on h.kpi_id = t.kpi_id and h.freq = t.freq and h.period_start < t.period_start
    group by p.key_no
),
scores as (
    select
        *,
        least(abs(c - centre), abs(c)) as deviation,
        least(abs(c_year - coalesce(centre_year, 0)), abs(c_year)) as deviation_year,
        greatest(1.4826 * spread, unremarkable / max_z) as scale,
        greatest(1.4826 * case when n_year >= 8 then spread_year else spread end, unremarkable / max_z) as scale_year
    from history
    where n >= 8
)
select
    p.key_no,
    round(least(
        case when deviation = 0 then 0 else least(deviation / nullif(scale, 0), 1e6) end,
        case when deviation_year = 0 then 0 else least(deviation_year / nullif(scale_year, 0), 1e6) end
    ), 3) as figure,
    coalesce(s.c is not null or s.c_year is not null, false) as applies,
    concat_ws(' and ',
        printf('%+.1f %% on the period before', 100 * (s.v - s.before) / nullif(abs(s.before), 0)),
        printf('%+.1f %% on a year ago', 100 * (s.v - s.year_ago) / nullif(abs(s.year_ago), 0))
    ) as detail
from planned p
left join scores s using (key_no)
"""

INPUTS_COMPLETE = """
select
    key_no,
    case when count(feed) = 0 then 1 else count(why) end as figure,
    true as applies,
    case when count(feed) = 0 then 'no feed of it is known' else coalesce(string_agg(why, '; ' order by feed), '') end
        as detail
from (
    select
        p.key_no,
        k.feed,
        case
            when k.feed is null then null
            when f.feed is null then 'feed ' || k.feed || ' was never taken in'
            when f.outstanding is not null then 'feed ' || k.feed || ' has deliveries that could not be taken in'
                || case when r.protected then '' else ': ' || f.outstanding end
            when f.watermark is null then 'feed ' || k.feed || ' has no data'
            when f.history_from is null or p.period_start < f.history_from then 'feed ' || k.feed || ' begins '
                || coalesce(f.history_from::varchar, 'at an unknown day') || ', the period starts ' || p.period_start
            when r.observable_from is null or p.period_start < r.observable_from then 'feed ' || k.feed
                || ' lacks history: the KPI looks back ' || coalesce(r.lookback, '')
            when f.watermark < case f.grain
                when 'week' then p.period_end - 6
                when 'month' then date_trunc('month', p.period_end)::date
                else p.period_end
            end then 'feed ' || k.feed || ' reaches ' || f.watermark || ', the period ends ' || p.period_end
        end as why
    from planned p
    join rules r using (kpi_id)
    left join kpi_feeds k using (kpi_id)
    left join feeds f on f.feed = k.feed
)
group by key_no
"""

SEGMENTS_ADD_UP = """
with sums as (
    select
        p.key_no, r.additive, s.segment,
        sum(c.obs_value) filter (c.segment = s.segment) as parts,
        sum(abs(c.obs_value)) filter (c.segment = s.segment) as size,
        max(c.obs_value) filter (c.segment = '_T') as total
    from planned p
    join rules r using (kpi_id)
    left join kpi_segments s using (kpi_id)
    left join candidate_rows c on c.kpi_id = p.kpi_id and c.freq = p.freq and c.time_period = p.time_period
    group by all
)
select
    key_no,
    round(max(abs(coalesce(parts, 0) - total) / nullif(greatest(abs(total), coalesce(size, 0)), 0))
        filter (total is not null), 12) as relative,
    case when bool_and(total is not null) then coalesce(relative, 0) end as figure,
    bool_and(additive and segment is not null) as applies,
    'differs from the total: ' || coalesce(string_agg(segment, ', ' order by segment) filter (
        abs(coalesce(parts, 0) - total) > 1e-9 * greatest(abs(total), coalesce(size, 0))), '') as detail
from sums
group by key_no
"""

CHECKS: tuple[Check, ...] = (
    Check(
        "candidates_exist",
        "The newest build has the period's rows, one of them the total, computed by the definition in force",
        "critical",
        0,
        CANDIDATES_EXIST,
    ),
    Check("not_null", "No value is missing, unless there is nothing to divide by", "critical", 0, NOT_NULL),
    Check("within_bounds", "Every value is a number within the bounds of its KPI", "critical", 0, WITHIN_BOUNDS),
    Check(
        "plausible_change",
        "The total's change, on the period before or on a year ago, is no outlier among earlier changes",
        "critical",
        6,
        PLAUSIBLE_CHANGE,
    ),
    Check("inputs_complete", "Every feed upstream covers the whole period", "critical", 0, INPUTS_COMPLETE),
    Check("segments_add_up", "The members of every segment add up to the total", "critical", 1e-9, SEGMENTS_ADD_UP),
)
SEVERITIES: dict[str, Severity] = {check.name: check.severity for check in CHECKS}


def limit_of(check: Check, kpi: CatalogKpi) -> float:
    """The KPI's limit for a check."""
    return kpi.gate.get(check.name, check.default_limit)


def figures(
    connection: duckdb.DuckDBPyConnection, planned: Sequence[Planned], unreadable: dict[str, str]
) -> pd.DataFrame:
    """One row per planned key in the plan's order (`key_no`), with figure, limit, applies and detail of every check.

    Columns: key_no, then for each check c: c, c__limit, c__applies, c__detail.
    """
    _describe(connection, planned, unreadable)
    ctes = ", ".join(f"{check.name} as ({check.sql})" for check in CHECKS)
    columns = ", ".join(
        f"{check.name}.figure::double as {check.name}, {check.name}.applies as {check.name}__applies,"
        f" {check.name}.detail as {check.name}__detail"
        for check in CHECKS
    )
    joins = " ".join(f"left join {check.name} on {check.name}.key_no = planned.key_no" for check in CHECKS)
    frame = connection.execute(
        f"with {ctes} select planned.key_no, {columns} from planned {joins} order by planned.key_no"
    ).df()
    for check in CHECKS:
        frame[f"{check.name}__limit"] = [limit_of(check, item.kpi) for item in planned]
        # A key that a query lost is one to which the check applies and that was not evaluated.
        frame[f"{check.name}__applies"] = frame[f"{check.name}__applies"].astype("boolean").fillna(True).astype(bool)
        frame[f"{check.name}__detail"] = frame[f"{check.name}__detail"].astype("object").fillna("")
    return frame


def _describe(connection: duckdb.DuckDBPyConnection, planned: Sequence[Planned], unreadable: dict[str, str]) -> None:
    """Put the plan and what the catalogue says of its KPIs into temporary tables."""
    keys = [
        {
            "key_no": number,
            "kpi_id": item.kpi.kpi_id,
            "freq": item.period.freq,
            "time_period": item.period.code,
            "period_start": item.period.start,
            "period_end": item.period.end,
        }
        for number, item in enumerate(planned)
    ]
    kpis = {item.kpi.kpi_id: item for item in planned}
    rules = [
        {
            "kpi_id": item.kpi.kpi_id,
            "definition_hash": item.kpi.definition_hash,
            "lower_bound": item.kpi.lower_bound,
            "upper_bound": item.kpi.upper_bound,
            "additive": item.kpi.additive_segments,
            "null_rule": _null_rule(item.kpi),
            "lookback": item.kpi.lookback,
            "observable_from": item.observable_from,
            "plausible_limit": item.kpi.gate.get("plausible_change", 6),
            "protected": item.kpi.protected,
            "unreadable": unreadable.get(item.kpi.kpi_id),
        }
        for item in kpis.values()
    ]
    tables: dict[str, tuple[list[dict[str, Any]], pa.Schema]] = {
        "planned": (keys, _PLANNED),
        "rules": (rules, _RULES),
        "kpi_feeds": ([{"kpi_id": i, "feed": f} for i, item in kpis.items() for f in item.kpi.feeds], _FEEDS),
        "kpi_segments": (
            [{"kpi_id": i, "segment": s} for i, item in kpis.items() for s in item.kpi.segments],
            _SEGMENTS,
        ),
    }
    for name, (rows, schema) in tables.items():
        connection.register("described", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"create or replace temp table {name} as from described")
        connection.unregister("described")
    connection.execute(
        "create or replace temp table feeds"
        " (feed varchar, history_from date, grain varchar, watermark date, outstanding varchar)"
    )
    if has_table(connection, "raw", "_feeds"):
        connection.execute("insert into feeds select feed, history_from, grain, watermark, outstanding from raw._feeds")


def _null_rule(kpi: CatalogKpi) -> str:
    """When a segment member may lack a value: "no denominator", "no rows" or "never"."""
    if kpi.kind == "ratio" or kpi.metric_type in ("ratio", "derived"):
        return "no denominator"
    return "no rows" if kpi.kind == "quantile" else "never"


_TEXT, _DAY = pa.string(), pa.date32()
_PLANNED = pa.schema(
    [
        ("key_no", pa.int64()),
        ("kpi_id", _TEXT),
        ("freq", _TEXT),
        ("time_period", _TEXT),
        ("period_start", _DAY),
        ("period_end", _DAY),
    ]
)
_RULES = pa.schema(
    [
        ("kpi_id", _TEXT),
        ("definition_hash", _TEXT),
        ("lower_bound", pa.float64()),
        ("upper_bound", pa.float64()),
        ("additive", pa.bool_()),
        ("null_rule", _TEXT),
        ("lookback", _TEXT),
        ("observable_from", _DAY),
        ("plausible_limit", pa.float64()),
        ("protected", pa.bool_()),
        ("unreadable", _TEXT),
    ]
)
_FEEDS = pa.schema([("kpi_id", _TEXT), ("feed", _TEXT)])
_SEGMENTS = pa.schema([("kpi_id", _TEXT), ("segment", _TEXT)])
