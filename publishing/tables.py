"""The content of the published file: its tables and macro in SQL, and a comment on every table and column.

The views are in `views.py`.

The queries read these relations, which `duckdb_file.py` provides:
- ledger_releases, ledger_observations, ledger_verdicts (with period_start and period_end), ledger_decisions: committed
  rows, with `sequence`; of observations and verdicts only the new ones where `duckdb_update.py` adds them to a file;
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
from publishing.statuses import STATUSES
from publishing.strategy import TEAM_GOALS

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
        if(has_target, g.at_risk, null) as at_risk,
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
    obs_value, numerator, denominator, n_obs, target,
    case
        when is_immature or obs_value is null or target is null or direction not in ('up', 'down') then null
        when if(direction = 'up', obs_value >= target, obs_value <= target) then 'on target'
        when if(direction = 'up', obs_value >= at_risk, obs_value <= at_risk) then 'at risk'
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
    )::date end as due_on
from kpi.catalog c
left join reviewed r using (kpi_id)
left join published p using (kpi_id)
order by due_on, c.kpi_id
"""

OPINIONS = """
select
    kpi_id, if(outcome in ('adopt', 'leave out'), 'adopt', 'retire') as proposal,
    outcome in ('adopt', 'retire') as in_favour, decision = 'propose' as proposes,
    row_number() over (partition by kpi_id, proposal, lower(decided_by) order by number desc) = 1 as counts,
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
SCORECARD = """
with newest as (
    select o.*
    from kpi.observations o
    join kpi.catalog c using (kpi_id)
    where o.is_newest and o.segment = '_T' and o.freq = coalesce(c.target_freq, list_filter(
        ['M', 'Q', 'A', 'W'], lambda freq: list_contains(string_split(c.freqs, ', '), freq)
    )[1])
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
    n.freq, n.time_period, n.period_start, n.period_end, n.obs_value, n.target,
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
    n.change_previous, n.change_year_ago, n.rolling_12_months, n.rolling_12_months_year_ago, n.obs_status,
    coalesce(w.held, 0) as held, coalesce(w.flagged, 0) as flagged
from kpi.catalog c
left join newest n on n.kpi_id = c.kpi_id
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

# In the order in which they are built, after catalog and objectives. A table that `duckdb_update.py` doesn't name is
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
    "scorecard": SCORECARD,
    "team_goals": TEAM_GOALS,
}

TABLE_COMMENTS = {
    "scorecard": "Where each adopted KPI stands: its newest published total at the frequency of its target. One row per"
    " KPI.",
    "observations": "The newest published value of every KPI, period and segment member: one row for each.",
    "vintages": "Every value as each release published it."
    " The vintages as of a day: WHERE <day> BETWEEN realtime_start AND realtime_end.",
    "catalog": "The adopted KPIs as the newest release defines them: one row each.",
    "targets": "The targets of each KPI, past ones too: one row for each. A period is compared with the one that is"
    " valid on its first day.",
    "objectives": "The objectives of the company, which its KPIs serve, and how far they are attained: one row each.",
    "team_goals": "How far teams attained their goals, by team, by the KPI that the goals serve, and by both: one row"
    " for each and period. Of no person, and only where enough persons have such goals."
    " Empty without a KPI by kpi_served.",
    "attainment": "How far each objective was attained at the end of each month: by the values, targets and objectives"
    " of the newest release. One row for each objective and month in which something of it is judged.",
    "initiatives": "What the company does for its objectives: one row for each initiative.",
    "verdicts": "The gate's newest verdict on every KPI and period. For protected KPIs, check names and outcomes only.",
    "decisions": "What named persons decided on held values, and their reviews of KPIs: one row each. The names are"
    " recorded, not authenticated.",
    "releases": "Every act of publishing: one row each.",
    "reviews": "When each KPI was reviewed last, and when its review is due: one row for each adopted KPI.",
    "opinions": "Proposals and votes on adopting a standard KPI or retiring an adopted one: one row each. They decide"
    " nothing. The names are recorded, not authenticated.",
    "incidents": "Held and flagged periods, grouped by reason: verdicts that fail for one reason are one incident. One"
    " row for each incident that is open or was settled by a decision.",
    "feeds": "The company's feeds as the newest release found them: one row each. Empty where an older version made"
    " that release.",
    "calendar": "The release calendar: when each period of each KPI closes, from the first published one to a year"
    " after the newest release. One row per KPI, freq and period; with is_next and a freq one per KPI.",
}
MACRO_COMMENT = (
    "The vintages that were the newest at a moment: kpi.as_of('2026-10-05') as it stood at the end of that day,"
    " kpi.as_of(timestamp with time zone) at that moment."
)

COLUMN_COMMENTS = {
    "kpi_id": "The KPI; see catalog",
    "freq": "Frequency (SDMX): W week, M month, Q quarter, A calendar year",
    "time_period": "The period: 2026-W48, 2026-11, 2026-Q4 or 2026",
    "period_start": "First day of the period",
    "period_end": "Last day of the period",
    "segment": "The dimension by which the KPI is cut; _T is the total; channel:country is a combination",
    "member": "The dimension's value; _T is the total, _U unknown; of a combination web:SE, where % and : within a part"
    " are written %25 and %3A. The views by_<segments>_<frequency> have a column for each part",
    "obs_value": "The value, in the KPI's unit; NULL when suppressed or missing (see obs_status)",
    "is_newest": "Whether the period is the newest of the KPI at this frequency: the last one whose total isn't"
    " missing. With segment = '_T' it gives one row for each KPI and frequency",
    "numerator": "The numerator of a ratio, for other KPIs the value itself; NULL for pay, and where suppressed or"
    " missing",
    "denominator": "The denominator of a ratio; NULL for other KPIs, for pay, and where suppressed or missing",
    "n_obs": "Number of source rows that the value is computed from",
    "target": "The KPI's target for the period, in its unit; on totals, and only at the frequency for which it is"
    " stated (catalog.target_freq; at all of them where that is NULL)",
    "target_status": "on target: the value reaches the target; at risk: it misses it by no more than the tolerance that"
    " is stated with the target; off target: by more, or none is stated; NULL where target_attained is",
    "target_attained": "Whether the value reaches the target; NULL without a target, where the KPI has no direction,"
    " and for a cohort while it is provisional, as later events still count",
    "targets.target": "The value to reach, in the KPI's unit, at the frequency catalog.target_freq",
    "catalog.target": "The present target, in the KPI's unit; see targets for those of earlier periods",
    "targets.at_risk": "The worst value that is at risk, not off target; NULL where no tolerance is stated",
    "targets.rationale": "Why the target has this value, as stated; NULL where none is, and for earlier targets",
    "targets.source": "Where the target comes from: history, the KPI's own values; benchmark, others' values;"
    " commitment, a promise, budget, contract or law; NULL as rationale",
    "valid_from": "First day of the periods that it is for; NULL where no day is stated: for all of them",
    "valid_to": "Last day on which a period that it is for can begin; NULL for the present target",
    "matures_after": "For a cohort: how long after the period's end events still count; NULL for other KPIs",
    "previous_value": "The value of the period before; NULL when there is none or it is suppressed",
    "change_previous": "Change on previous_value: relative (0.05 is 5 %), or the difference, as catalog.change_kind"
    " says; NULL for a cohort while it is provisional, as later events still count",
    "year_ago_value": "The value of the same period a year ago (for weeks: of the same ISO week number)",
    "change_year_ago": "Change on year_ago_value, stated as change_previous is",
    "change_kind": "How changes of the KPI are stated: relative, or as a difference in its unit, of fractions and of"
    " KPIs whose definition states a lower bound below 0",
    "year_to_date": "The KPI over the year up to the period's end; for months and quarters, unless the"
    " KPI is measured on one day",
    "year_to_date_year_ago": "year_to_date of the same period a year ago",
    "rolling_12_months": "The KPI over the twelve months up to the period's end; for months and quarters",
    "rolling_12_months_year_ago": "rolling_12_months of the same period a year ago",
    "status": "on target, at risk, off target or no target; not compared: the KPI has no direction; not mature: a"
    " cohort whose later events still count; suppressed; nothing published; not supplied: the company has no"
    " data for it; retired: no longer in use",
    "observations.status": "obs_status in words: "
    + ", ".join(STATUSES[code] for code in ("A", "P", "U", "B", "Q", "O")),
    "provisional": "Whether the value may be revised without a decision: its period was open in the newest release",
    "provisional_until": "Last day on which the value is provisional; NULL once its period has closed",
    "scorecard.objective": "Name of the objective that it serves",
    "scorecard.held": "Number of its periods, at any frequency, that wait for a decision",
    "flagged": "Number of its periods, at any frequency, that are published with a warning that nobody acknowledged",
    "unit": "The unit of the value; fraction is 0-1, currency is the reporting currency",
    "obs_status": "SDMX CL_OBS_STATUS, the first that holds: Q suppressed, O missing, B series break with the period"
    " before, U low reliability (few observations), P provisional until the period closes, A normal",
    "conf_status": "F free; C confidential: suppressed, as it counts too few persons or would reveal such a cell",
    "definition_version": "Version of the KPI's definition that computed it",
    "definition_hash": "Hash of the upstream SQL that computed it",
    "candidate_hash": "Hash of the candidate's rows; keyed for protected KPIs",
    "outcome": "Of a review: keep, change or retire the KPI; NULL for other decisions, and for reviews that an earlier"
    " version recorded",
    "retired_on": "For a KPI that is no longer in use: the last day on which a published period ends; NULL for one in"
    " use",
    "retired_reason": "Why it was retired",
    "replaced_by": "The KPI that replaces a retired one; NULL where none does",
    "reviewed_on": "Day of its newest review; NULL without one",
    "reviewed_by": "Who reviewed it, as stated; not authenticated",
    "reviews.reason": "The reason stated with the review",
    "reviews.outcome": "keep, change or retire, as its newest review says",
    "due_on": "Day by which it has to be reviewed: a month or a quarter after its newest review, or after its first"
    " publication; NULL for a retired KPI, and where nothing is published",
    "proposal": "adopt: put the standard KPI to work; retire: use it no longer",
    "in_favour": "Whether the person is in favour of the proposal",
    "proposes": "Whether the row is a proposal, which counts as its proposer's vote for it; else it is a vote",
    "counts": "Whether it is the newest opinion of its person on this proposal: earlier ones don't count",
    "opinions.reason": "The reason stated with the opinion",
    "stated_by": "Name of the person, as stated; not authenticated",
    "stated_at": "Time at which it was recorded",
    "opinions.release_id": "The first release that covers the opinion; see releases",
    "release_id": "The release in which it was published; see releases",
    "sequence": "Number of the release, from 1, without gaps",
    "published_at": "The moment of the release",
    "realtime_start": "First day on which this was the newest value",
    "realtime_end": "Last day on which this was the newest value; 9999-12-31 while it still is",
    "revision_type": "Why the value differs from the vintage before: R3 methodology, C correction by decision,"
    " R1 newer source data, R2 routine; NULL for a first value, and where only the status changed",
    "revision_reason": "The reason in words",
    "revised_from": "The value that a revision replaced; NULL where the value isn't revised, or was suppressed before",
    "decision_id": "The decision that released the value; NULL where none was needed; see decisions",
    "decision": "release or reject: the decision that counts for the candidate; NULL where there is none",
    "verdicts.decision_id": "The decision in the column decision; see decisions",
    "decisions.decision_id": "Id of the decision",
    "decisions.decision": "release: publish the held candidate; reject: don't publish it; acknowledge: its warning is"
    " known; review: the KPI itself was reviewed",
    "decisions.freq": "Frequency of the period decided on; NULL for a review",
    "decisions.time_period": "The period decided on; NULL for a review",
    "decisions.checks": "The failing checks that the decision is on, separated by commas. closed_period: the value of a"
    " closed period changes; unexplained_change: a value changes without newer rows; refactoring: a definition isn't"
    " proved to give the same values; base_restated: an earlier period that the KPI is computed from changes. A release"
    " decision counts only while no other check fails",
    "decisions.reason": "The reason stated with the decision",
    "decisions.candidate_hash": "Hash of the candidate decided on (keyed for protected KPIs); for a candidate with"
    " another hash the decision doesn't count",
    "decisions.release_id": "The first release that covers the decision; see releases",
    "decided_by": "Name of the person who decided, as stated; not authenticated",
    "decided_at": "Time of the decision",
    "name": "Name",
    "description": "Description",
    "domain": "The part of the business",
    "direction": "up: higher is better; down: lower is better; band: neither too high nor too low; none: context",
    "kind": "flow, stock, ratio, distinct, quantile or index",
    "type": "leading: it changes before the results; lagging: it is a result; NULL in releases of earlier versions",
    "level": "key or supporting",
    "owner": "The person responsible for the KPI",
    "objective": "The objective it serves; see objectives",
    "target_freq": "The frequency for which the target is stated; NULL when it is for all frequencies",
    "target_note": "Why there is no target",
    "review": "How often the owner reviews it",
    "freqs": "Its frequencies, separated by commas",
    "segments": "Its segments, separated by commas",
    "metric": "The dbt metric that defines its formula",
    "formula": "The metric; of a ratio, the metrics of numerator and denominator",
    "feeds": "The feeds that it is computed from, separated by commas",
    "feed": "Name of the feed",
    "system": "The source system",
    "cadence": "How often the source delivers: hourly, daily, weekly, monthly, yearly or once",
    "history_from": "The first day that the feed covers",
    "complete_through": "The last day of which nothing is missing; NULL unless a KPI without protection reads the feed",
    "newest_event": "Day of its newest row; NULL where its rows have no day, and as complete_through",
    "newest_delivery": "Time at which its newest file was written; NULL as complete_through",
    "rows_total": "Number of its rows, over the whole history; NULL as complete_through",
    "rows_rejected": "Number of its rows that could not be read as declared; NULL as complete_through",
    "outstanding": "Whether something that was delivered could not be loaded",
    "entities": "The input entities that it is computed from, separated by commas",
    "model": "The dbt model that computes it: compiled/kpi/<model>.sql of the company folder",
    "sql": "The SQL of that model: what it computes from the shared rollups; empty in releases of earlier versions",
    "standard": "The standard that it follows",
    "currency": "The company's reporting currency (ISO 4217)",
    "observable_from": "The first day from which its feeds have all data that it needs, earlier data included: a period"
    " that begins before it has no value; NULL where the KPI isn't supplied",
    "observable_to": "The last day on which a period with a value can end, as its feeds ended, one is paused or the"
    " KPI was retired; NULL where it goes on",
    "supplied": "Whether the company supplies all input entities that it needs",
    "missing_entities": "The input entities that the company doesn't supply, separated by commas",
    "protected": "Whether it reads personnel data, so that it is subject to disclosure control",
    "disclosure_threshold": "The smallest number of persons that a published cell of a protected KPI may count",
    "objectives.part_of": "The objective that it is a part of; NULL for a topmost one",
    "objectives.owner": "The person responsible for the objective; NULL where none is stated",
    "objectives.horizon": "The day by which it is to be reached; NULL where none is stated",
    "objectives.weight": "How much it counts in the objective that it is a part of; a key KPI counts 1",
    "objectives.attainment": "0 to 1: the mean over its key KPIs (on target 1, at risk 0.5, off target 0; each weighs"
    " 1) and over the attainment of the objectives that are a part of it, with their weights; what isn't judged is left"
    " out; NULL where nothing is",
    "kpis_on_target": "Number of key KPIs of it, and of what is a part of it, that are on target",
    "kpis_at_risk": "Number of those that are at risk",
    "kpis_off_target": "Number of those that are off target",
    "kpis_not_judged": "Number of those with another status: no target, suppressed, nothing published",
    "kpis_supporting": "Number of supporting KPIs of it, and of what is a part of it; they don't count",
    "attainment.attainment": "0 to 1, as objectives.attainment, of the newest values whose period had ended by then",
    "initiative": "Id of the initiative",
    "team_goals.kpi_id": "The KPI that measures goals; see catalog",
    "team_goals.kpi_served": "The KPI that the goals serve, by its id; _T all, _U unknown",
    "team_goals.team": "The team; _T all, _U unknown",
    "team_goals.objective": "The objective that the KPI served serves; NULL for _T, and where no such KPI is adopted",
    "team_goals.attainment": "Weighted scores of the goals as a share of their weights; NULL if suppressed or missing",
    "team_goals.goal_weight": "Weight of the goals judged; NULL as attainment",
    "team_goals.share_of_objective": "Its part of the published goal weight of all KPIs of the objective, among rows of"
    " the same kind: those of all teams, or those of one; NULL as attainment, and without an objective",
    "team_goals.status": "obs_status in words",
    "initiatives.kpi_id": "The KPI that it is meant to move; NULL where none is named",
    "initiatives.objective": "The objective that it is meant to bring nearer; see objectives",
    "initiatives.owner": "The person responsible for the initiative",
    "initiatives.since": "Its first day",
    "initiatives.until": "Its last day",
    "initiatives.state": "planned, under way or ended, by its dates, on the day of the newest release",
    "perspective": "The balanced scorecard's perspective: financial, customer, process, learning; or sustainability",
    "verdict": "publish, publish_flagged or hold",
    "held": "Whether it is held: the verdict is hold and no decision releases it, or a decision rejects it",
    "reason": "The checks that hold it, with their details; for a flagged verdict the checks that warn",
    "acknowledged": "Whether somebody acknowledged this warning of the KPI and frequency within a year before it",
    "incidents.reason": "The reason stated with the decision; NULL while the incident is open",
    "may_decide": "Who may decide on it, by roles.yml at the newest release, separated by commas; NULL once settled,"
    " and where nobody is named",
    "incident_id": "Id of the incident: the KPI and period that it is named after, such as net_revenue-2016-07",
    "incidents.state": "held: a decision is needed; flagged: published with a warning; released, rejected or"
    " acknowledged: settled by a decision",
    "title": "What is wrong, in words",
    "incidents.domain": "The part of the business; roles.yml names who may decide for it",
    "since": "First day of the earliest of its shortest periods",
    "until": "Last day of its last period",
    "incidents.kpis": "Its KPIs, separated by commas",
    "periods_held": "The number of its periods that are held, or were held when it was decided on",
    "periods_flagged": "The number of its periods that are published with a warning",
    "new_level_from": "The first day of the KPI's new level, where the release decision states one; else NULL",
    "decisions.incident_id": "The incident that the decision settled; NULL for a decision on single periods",
    "checks": "Every check with its outcome, figure and limit (JSON)",
    "batch_id": "The dbt build that computed the candidates",
    "judged_at": "Time of the gate's verdict",
    "n_observations": "Number of vintages that the release appended",
    "n_verdicts": "Number of verdicts that the release appended",
    "content_hash": "SHA-256 of what the release appended and of its definitions",
    "previous_hash": "SHA-256 of the previous release's row in the ledger",
    "note": "What a person stated with the release: that the clock had been ahead at the release before it, so that"
    " this one's time counts for both, or that a text was purged from the ledger; NULL for other releases",
    "closes_on": "Last day on which the period is open. Until the first release after it values are provisional and are"
    " revised without a decision; from then on a changed value is held until someone decides",
    "state": "open or closed, on the day of the newest release",
    "is_next": "Whether it is the next period of the KPI at this frequency to close",
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
