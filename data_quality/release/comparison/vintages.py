"""Vintages: which eligible cells are new vintages, by comparison with their latest published vintage. Pure."""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa

# The cells of the eligible keys, after disclosure control.
INCOMING = pa.schema(
    [
        ("kpi_id", pa.string()),
        ("freq", pa.string()),
        ("time_period", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("segment", pa.string()),
        ("member", pa.string()),
        ("obs_value", pa.float64()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("n_obs", pa.int64()),
        ("n_persons_numerator", pa.int64()),
        ("n_persons_denominator", pa.int64()),
        ("year_to_date", pa.float64()),
        ("rolling_12_months", pa.float64()),
        ("conf_status", pa.string()),
    ]
)
# One row per eligible key.
# - closes_on: the last day on which its values are provisional.
# - newest_rows: when the newest row of the feeds upstream was delivered or ingested.
# - decision_id, decision_reason: the decision that released the key, NULL where none was needed.
# - breaks: whether the definition states a series break in the period.
# - min_n_obs: the smallest n_obs of a reliable value.
# - estimate: whether the definition says that its values are estimates.
ELIGIBLE = pa.schema(
    [
        ("kpi_id", pa.string()),
        ("freq", pa.string()),
        ("time_period", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("closes_on", pa.date32()),
        ("candidate_hash", pa.string()),
        ("definition_version", pa.int64()),
        ("definition_hash", pa.string()),
        ("newest_rows", pa.timestamp("us", tz="UTC")),
        ("decision_id", pa.string()),
        ("decision_reason", pa.string()),
        ("breaks", pa.bool_()),
        ("min_n_obs", pa.int64()),
        ("estimate", pa.bool_()),
    ]
)

# Values within a relative 1e-9 are the same, and the published one stays: sums of DOUBLE differ in their last digits
# from run to run.
SAME = """
create or replace temporary macro same(a, b) as
    coalesce(a = b or abs(a - b) <= 1e-9 * greatest(abs(a), abs(b)), a is null and b is null)
"""

_SELECT = """
with latest as (
    from committed
    semi join eligible using (kpi_id, freq, time_period)
    qualify row_number() over (
        partition by kpi_id, freq, time_period, segment, member order by sequence desc
    ) = 1
),
now_there as (
    from incoming
    union all by name
    -- A published member without a row now has no value. Its conf_status stays.
    select kpi_id, freq, time_period, a.period_start, a.period_end, l.segment, l.member, l.conf_status
    from latest l
    join eligible a using (kpi_id, freq, time_period)
    anti join incoming i using (kpi_id, freq, time_period, segment, member)
),
-- Where a KPI was published by one version of its definition only, no series of it has a break.
several_versions as (
    select kpi_id
    from (select distinct kpi_id, definition_version from committed) c
    join (select distinct kpi_id, definition_version from eligible) a using (kpi_id)
    where c.definition_version <> a.definition_version
),
other_keys as (
    select kpi_id, freq, time_period, period_start, segment, member, definition_version as version
    from committed
    semi join several_versions using (kpi_id)
    anti join eligible using (kpi_id, freq, time_period)
    qualify row_number() over (
        partition by kpi_id, freq, time_period, segment, member order by sequence desc
    ) = 1
),
-- Every series as it would be after this release; each observation with the definition version of the one before it.
series as (
    select kpi_id, freq, time_period, segment, member, lag(version) over (
        partition by kpi_id, freq, segment, member order by period_start
    ) as version_before
    from (
        select kpi_id, freq, time_period, n.period_start, segment, member, a.definition_version as version
        from now_there n
        join eligible a using (kpi_id, freq, time_period)
        union all by name
        from other_keys
    )
),
statuses as (
    select n.*, case
        when n.conf_status <> 'F' then 'Q'
        when n.obs_value is null then 'O'
        when a.breaks or s.version_before <> a.definition_version then 'B'
        when coalesce(n.n_obs, 0) < a.min_n_obs then 'U'
        when a.estimate then 'E'
        when a.closes_on >= $today::date then 'P'
        else 'A'
    end as obs_status
    from now_there n
    join eligible a using (kpi_id, freq, time_period)
    join series s using (kpi_id, freq, time_period, segment, member)
),
-- The published segments of each key, with their newest definition and publication time.
known as (
    select
        kpi_id, freq, time_period, segment,
        max(definition_version) as known_version,
        max_by(definition_hash, sequence) as known_hash,
        max(published_at) as known_published_at
    from latest
    group by all
),
compared as (
    select
        s.* replace (
            case when same(s.obs_value, l.obs_value) then l.obs_value else s.obs_value end as obs_value,
            case when same(s.numerator, l.numerator) then l.numerator else s.numerator end as numerator,
            case when same(s.denominator, l.denominator) then l.denominator else s.denominator end as denominator,
            case when same(s.year_to_date, l.year_to_date) then l.year_to_date else s.year_to_date end as year_to_date,
            case when same(s.rolling_12_months, l.rolling_12_months) then l.rolling_12_months
                else s.rolling_12_months end as rolling_12_months
        ),
        a.candidate_hash, a.definition_version, a.definition_hash, a.newest_rows, a.decision_id, a.decision_reason,
        a.closes_on,
        a.closes_on >= least($today::date, coalesce($released_on::date, $today::date)) as may_change,
        l.kpi_id is null as is_new,
        k.known_version,
        k.known_hash,
        k.known_published_at,
        l.obs_value as old_value,
        not (
            same(s.obs_value, l.obs_value) and same(s.numerator, l.numerator) and same(s.denominator, l.denominator)
            and s.n_obs is not distinct from l.n_obs
            and s.n_persons_numerator is not distinct from l.n_persons_numerator
            and s.n_persons_denominator is not distinct from l.n_persons_denominator
        ) as period_changed,
        not (
            same(s.year_to_date, l.year_to_date) and same(s.rolling_12_months, l.rolling_12_months)
        ) or period_changed as changed,
        l.obs_status as old_status,
        l.conf_status as old_conf_status,
        l.definition_version as old_version,
        l.published_at as old_published_at
    from statuses s
    join eligible a using (kpi_id, freq, time_period)
    left join latest l using (kpi_id, freq, time_period, segment, member)
    left join known k using (kpi_id, freq, time_period, segment)
),
revisions as (
    select *, case
        when is_new or not changed or 'Q' in (obs_status, old_status) then null
        when definition_version <> old_version then 'R3'
        when decision_id is not null then 'C'
        when newest_rows > old_published_at then 'R1'
        else 'R2'
    end as revision_type
    from compared
    where is_new or changed or obs_status <> old_status or conf_status <> old_conf_status
        or definition_version <> old_version
)
select *, case
    when revision_type = 'R3' then 'definition version ' || old_version || ' became ' || definition_version
    when revision_type = 'C' then decision_reason
    when revision_type = 'R1' then 'newer rows were delivered'
    when revision_type = 'R2' then 'recomputed'
    when not is_new and definition_version <> old_version
        then 'definition version ' || old_version || ' became ' || definition_version || ', same value'
end as revision_reason,
-- Not a change of a closed period: a first publication, another status, a newer definition version, and another sum to
-- date. A sum to date changes with an earlier period's value, which was released or is held on its own.
coalesce(
    not may_change and definition_version <= known_version
        and (is_new or revision_type is not null and period_changed),
    false
) as changes_closed,
-- With one version of the definition a value should change only when newer rows came. Final values are covered by
-- changes_closed; a segment that was never published has no earlier value.
coalesce(
    may_change and definition_version = known_version
        and (is_new or revision_type is not null and period_changed)
        and not coalesce(newest_rows > known_published_at, false),
    false
) as unexplained
from revisions
order by kpi_id, freq, period_start, segment, member
"""


def select(
    incoming: pa.Table, eligible: pa.Table, committed: pa.Table, *, today: date, released_on: date | None = None
) -> pa.Table:
    """The new vintages of the eligible keys, with the columns of the ledger's observations and those below.

    `incoming` has the columns INCOMING, `eligible` the columns ELIGIBLE; `committed` are the ledger's observations with
    `sequence`, at least those of `queries.compared_with`. A cell is a new vintage when it is new, or when its value,
    counts, status or definition version differ from the latest vintage. Its obs_status is the first that applies:
    - Q suppressed; O without a value;
    - B series break: the definition states one in the period, or the observation before it has another definition
      version also after this release (where the history is recomputed with it, there is no break);
    - U low reliability: n_obs is below the definition's min_n_obs;
    - E estimated: the definition says so;
    - P provisional up to and including the day `closes_on`, A after it.
    Further columns:
    - closes_on; is_new; old_value, the latest vintage's value; period_changed, whether the period's own values differ;
    - may_change: the period hasn't closed before today, or not before `released_on`, the day of the newest release;
    - changes_closed: it may not, and the vintage changes what this definition version published;
    - unexplained: it may, and the vintage changes what this definition version published, without newer rows.
    """
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(SAME)
        connection.register("incoming", incoming)
        connection.register("eligible", eligible)
        connection.register("committed", committed)
        return connection.execute(_SELECT, {"today": today, "released_on": released_on}).to_arrow_table()
