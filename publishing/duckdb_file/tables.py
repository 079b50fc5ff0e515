"""The content of the published file: its tables and macro in SQL.

The comments on them are in `comments.py`, the views in `views.py`.

The queries read these relations, which `__init__.py` provides:
- ledger_releases, ledger_observations, ledger_verdicts (with period_start and period_end), ledger_decisions: committed
  rows, with `sequence`; of observations and verdicts only the new ones where `update.py` adds them to a file;
- release_dates: of the function below;
- kpi.catalog, kpi.objectives, kpi.targets (`strategy.py`): the definitions of the newest release.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from metrics.core.periods import later
from metrics.core.quoting import literal
from metrics.definitions.catalog import Catalog
from publishing.duckdb_file.strategy import TEAM_GOALS
from publishing.statuses import STATUSES
from publishing.usual_changes import USUAL_CHANGES, is_usual_sql

_STATUS = f"case obs_status {' '.join(f'when {literal(code)} then {literal(STATUSES[code])}' for code in STATUSES)} end"

# Where a day has several releases, the last one counts: earlier vintages of that day have an empty interval.
VINTAGES = """
select
    o.kpi_id, o.freq, o.time_period, o.period_start, o.period_end, o.segment, o.member,
    o.obs_value, o.numerator, o.denominator, o.n_obs, o.obs_status, o.conf_status,
    o.definition_version, o.definition_hash, o.candidate_hash, o.release_id, o.sequence, o.published_at,
    o.realtime_start,
    coalesce(
        lead(o.realtime_start) over (
            partition by o.kpi_id, o.freq, o.time_period, o.segment, o.member order by o.sequence
        ) - 1,
        date '9999-12-31'
    ) as realtime_end,
    o.revision_type, o.revision_reason, o.decision_id, o.year_to_date, o.rolling_12_months,
    case when o.revision_type is not null then
        lag(o.obs_value) over (
            partition by o.kpi_id, o.freq, o.time_period, o.segment, o.member order by o.sequence
        )
    end as revised_from
from ledger_observations o
order by o.kpi_id, o.freq, o.segment, o.member, o.period_start, o.sequence
"""

_CHANGE = """case
        when is_immature then null
        when change_kind = 'difference' then obs_value - {before}
        else (obs_value - {before}) / nullif(abs({before}), 0)
    end"""
# `since`: the earliest day of periods that are read. `rows`: latest, or the rows of it whose observation is wanted.
OBSERVATIONS_OF = f"""
with latest as (
    from kpi.vintages where realtime_end = date '9999-12-31' and period_start >= date '{{since}}'
),
newest as (
    select kpi_id, freq, max(period_start) as newest_start from latest
    where segment = '_T' and obs_status not in ('O', 'M')
    group by kpi_id, freq
),
compared as (
    select
        l.*, c.name, c.domain, c.unit, c.change_kind, c.direction,
        coalesce(l.period_start = n.newest_start, false) as is_newest,
        l.segment = '_T' and (c.target_freq is null or c.target_freq = l.freq) as has_target,
        if(has_target, g.target, null) as target,
        if(has_target, g.target_to, null) as target_to,
        if(has_target, g.at_risk, null) as at_risk,
        if(has_target, g.at_risk_to, null) as at_risk_to,
        b.obs_value as previous_value,
        y.obs_value as year_ago_value,
        y.year_to_date as year_to_date_year_ago,
        y.rolling_12_months as rolling_12_months_year_ago,
        coalesce(d.state = 'open', false) or l.obs_status = 'P' as provisional,
        provisional and c.matures_after is not null as is_immature,
        if(d.state = 'open', d.closes_on, null) as provisional_until
    from {{rows}} l
    left join kpi.calendar d using (kpi_id, freq, time_period)
    left join newest n using (kpi_id, freq)
    left join kpi.catalog c using (kpi_id)
    left join kpi.targets g
        on g.kpi_id = l.kpi_id and l.period_start >= coalesce(g.valid_from, l.period_start)
        and l.period_start <= coalesce(g.valid_to, l.period_start)
    left join latest b
        on b.kpi_id = l.kpi_id and b.freq = l.freq and b.segment = l.segment and b.member = l.member
        and b.period_end + 1 = l.period_start
    left join latest y
        on y.kpi_id = l.kpi_id and y.freq = l.freq and y.segment = l.segment and y.member = l.member
        and y.time_period = (left(l.time_period, 4)::integer - 1)::varchar || substr(l.time_period, 5)
)
select
    kpi_id, name, domain, freq, time_period, period_start, period_end, is_newest, segment, member,
    obs_value, numerator, denominator, n_obs, target, target_to,
    case
        when is_immature or obs_value is null or target is null or direction = 'none' then null
        when direction = 'band' and target_to is null then null
        when case direction when 'up' then obs_value >= target when 'down' then obs_value <= target
            else obs_value between target and target_to end then 'on target'
        when case direction when 'up' then obs_value >= at_risk when 'down' then obs_value <= at_risk
            else obs_value between at_risk and at_risk_to end then 'at risk'
        else 'off target'
    end as target_status,
    target_status = 'on target' as target_attained,
    previous_value,
    {_CHANGE.format(before="previous_value")} as change_previous,
    year_ago_value,
    {_CHANGE.format(before="year_ago_value")} as change_year_ago,
    year_to_date, year_to_date_year_ago, rolling_12_months, rolling_12_months_year_ago,
    unit, {_STATUS} as status, provisional, provisional_until, obs_status, conf_status, definition_version,
    release_id, realtime_start
from compared
order by kpi_id, freq, segment, member, period_start
"""
OBSERVATIONS = OBSERVATIONS_OF.format(rows="latest", since=date.min)

# The newest decision on a candidate counts; a release decision only while no check fails that it doesn't name.
# Held verdicts of periods that aren't observable, or of KPIs and frequencies that are no longer adopted, are left out:
# earlier versions of the project or of the company's feeds wrote them, and nothing can be decided on them.
VERDICTS = """
with judged as (
    select *, list_filter(
        cast(checks as json[]), lambda result: (result->>'outcome') in ('fail', 'not_evaluated')
    ) as failing
    from ledger_verdicts
    qualify row_number() over (partition by kpi_id, freq, time_period order by sequence desc) = 1
),
acknowledged as (
    select kpi_id, freq, cast(cast(checks as json) as varchar[]) as checks, decided_at
    from ledger_decisions
    where decision = 'acknowledge'
),
decided as (
    from ledger_decisions
    where decision in ('release', 'reject')
    qualify row_number() over (
        partition by kpi_id, freq, time_period, candidate_hash order by number desc
    ) = 1
)
select
    j.kpi_id, j.freq, j.time_period, j.verdict,
    (j.verdict = 'hold' and d.decision is distinct from 'release') or d.decision is not distinct from 'reject' as held,
    coalesce(list_aggregate(list_transform(
        list_filter(failing, lambda result: (result->>'severity') is distinct from 'warning'
            or (result->>'outcome') = 'not_evaluated' or j.verdict <> 'hold'),
        lambda result: (result->>'check')
            || case when (result->>'detail') = '' then '' else ': ' || (result->>'detail') end
    ), 'string_agg', '; '), '') as reason,
    j.verdict = 'publish_flagged' and exists (
        from acknowledged a
        where a.kpi_id = j.kpi_id and a.freq = j.freq and j.judged_at <= a.decided_at + interval 365 day
            and list_has_all(a.checks, list_transform(failing, lambda result: result->>'check'))
    ) as acknowledged,
    j.checks, d.decision, d.decision_id, j.candidate_hash, j.definition_hash, j.batch_id, j.judged_at, j.release_id
from judged j
left join decided d
    on d.kpi_id = j.kpi_id and d.freq = j.freq and d.time_period = j.time_period
    and d.candidate_hash = j.candidate_hash
    and (d.decision = 'reject' or list_has_all(
        cast(cast(d.checks as json) as varchar[]), list_transform(failing, lambda result: result->>'check')
    ))
left join kpi.catalog c on c.kpi_id = j.kpi_id
where not held or (
    c.supplied and list_contains(string_split(c.freqs, ', '), j.freq)
    and coalesce(j.period_start >= c.observable_from, true) and coalesce(j.period_end <= c.observable_to, true)
)
order by j.kpi_id, j.freq, j.time_period
"""

DECISIONS = """
select
    decision_id, kpi_id, freq, time_period, decision,
    array_to_string(cast(cast(checks as json) as varchar[]), ', ') as checks,
    reason, decided_by, decided_at, incident_id, new_level_from, candidate_hash, release_id, sequence, outcome
from ledger_decisions
where decision not in ('propose', 'vote')
order by number
"""

# A day is that of the release: the company's own, whatever the time zone of the one who reads.
REVIEWS = """
with published as (
    select kpi_id, min(realtime_start) as published_on from kpi.vintages group by kpi_id
),
reviewed as (
    select d.*, r.realtime_start as reviewed_on
    from kpi.decisions d join kpi.releases r on r.release_id = d.release_id
    where d.decision = 'review'
    qualify row_number() over (partition by kpi_id order by decided_at desc) = 1
)
select
    c.kpi_id, c.owner, c.review, r.reviewed_on, r.outcome, r.decided_by as reviewed_by, r.reason,
    case when c.retired_on is null then (
        coalesce(r.reviewed_on, p.published_on) + if(c.review = 'monthly', interval 1 month, interval 3 month)
    )::date end as due_on,
    coalesce(due_on < (select max(realtime_start) from kpi.releases), false) as overdue
from kpi.catalog c
left join reviewed r using (kpi_id)
left join published p using (kpi_id)
order by due_on, c.kpi_id
"""

OPINIONS = """
select
    kpi_id, if(outcome in ('adopt', 'leave out'), 'adopt', 'retire') as proposal,
    outcome in ('adopt', 'retire') as in_favour, decision = 'propose' as proposes,
    row_number() over (partition by kpi_id, proposal, person order by number desc) = 1 as counts,
    reason, decided_by as stated_by, decided_at as stated_at, release_id
from ledger_decisions
where decision in ('propose', 'vote')
order by number
"""

# As for the ledger's observations, the time of a release is at most that of every later one.
RELEASES = """
select
    release_id, sequence,
    min(realtime_start) over later as realtime_start, min(published_at) over later as published_at,
    n_observations, n_verdicts, content_hash, previous_hash, batch_id, note
from ledger_releases
window later as (order by sequence rows between current row and unbounded following)
order by sequence
"""

CALENDAR = """
select
    kpi_id, domain, freq, time_period, period_start, period_end, closes_on, state,
    coalesce(period_start = min(period_start) filter (state = 'open') over (partition by kpi_id, freq), false)
        as is_next
from release_dates
order by kpi_id, freq, period_start
"""

# `flagged` and `held` count what someone has to look at: warnings that nobody acknowledged, and periods that wait for a
# decision.
SCORECARD = f"""
with newest as (
    select o.*
    from kpi.observations o
    join kpi.catalog c using (kpi_id)
    where o.is_newest and o.segment = '_T' and o.freq = coalesce(c.target_freq, c.main_freq)
),
waiting as (
    select
        kpi_id,
        count(*) filter (held and decision is distinct from 'reject') as held,
        count(*) filter (verdict = 'publish_flagged' and decision is null and not acknowledged) as flagged
    from kpi.verdicts
    group by kpi_id
)
select
    c.kpi_id, c.name, c.domain, coalesce(b.name, c.objective) as objective, c.level, c.type, c.owner, c.direction,
    c.unit,
    n.freq, n.time_period, n.period_start, n.period_end, n.obs_value, n.target, n.target_to,
    case
        when c.retired_on is not null then 'retired'
        when not c.supplied then 'not supplied'
        when n.kpi_id is null then 'nothing published'
        when n.obs_status = 'Q' then 'suppressed'
        when n.target is null then 'no target'
        when n.target_status is not null then n.target_status
        when n.provisional and c.matures_after is not null then 'not mature'
        else 'not compared'
    end as status,
    n.provisional,
    n.change_previous, {is_usual_sql("previous", "n")} as change_previous_is_usual,
    n.change_year_ago, {is_usual_sql("year_ago", "n")} as change_year_ago_is_usual,
    n.rolling_12_months, n.rolling_12_months_year_ago, n.obs_status,
    coalesce(w.held, 0) as held, coalesce(w.flagged, 0) as flagged
from kpi.catalog c
left join newest n on n.kpi_id = c.kpi_id
left join kpi.usual_changes u on u.kpi_id = n.kpi_id and u.freq = n.freq
left join waiting w on w.kpi_id = c.kpi_id
left join kpi.objectives b on b.objective = c.objective
order by c.domain, c.kpi_id
"""

AS_OF = """
create macro kpi.as_of(moment) as table
select * from kpi.vintages
where case
    when length(cast(moment as varchar)) = 10 then realtime_start <= cast(moment as date)
    else published_at <= cast(moment as timestamptz)
end
qualify row_number() over (partition by kpi_id, freq, time_period, segment, member order by sequence desc) = 1
"""

# In the order in which they are built, after catalog and objectives. A table that `update.py` doesn't name is
# filled again at each release, so that it must read tables of `kpi` and `ledger_decisions` only.
TABLES = {
    "calendar": CALENDAR,
    "vintages": VINTAGES,
    "observations": OBSERVATIONS,
    "verdicts": VERDICTS,
    "decisions": DECISIONS,
    "releases": RELEASES,
    "reviews": REVIEWS,
    "opinions": OPINIONS,
    "usual_changes": USUAL_CHANGES,
    "scorecard": SCORECARD,
    "team_goals": TEAM_GOALS,
}


def release_dates(catalog: Catalog, first: Mapping[tuple[str, str], date], day: date) -> pa.Table:
    """The release calendar on a day, to a year ahead.

    `first` has, by (kpi_id, freq), the first day of the first period. Columns: those of the table `calendar`, apart
    from `is_next`.
    """
    dates = catalog.release_dates(first, day, later(day, "1 year"))
    rows = [{**vars(entry), "kpi_id": kpi_id, "state": entry.state(day)} for entry in dates for kpi_id in entry.kpis]
    days = ("period_start", "period_end", "closes_on")
    names = ("kpi_id", "domain", "freq", "time_period", *days, "state")
    schema = pa.schema([(name, pa.date32() if name in days else pa.string()) for name in names])
    return pa.Table.from_pylist(rows, schema=schema)
