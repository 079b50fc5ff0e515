"""Reconciliation: published months always add up to their quarter and year, and to the sums to date.

Pure: it works out which keys would contradict each other after a release. `eligibility.py` holds them.
"""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import pyarrow as pa

from data_quality.release.comparison.vintages import INCOMING, SAME
from metrics.definitions.catalog import Key

# Every cell of additive KPIs as it would be after the release, with its present values. A member without a row any more
# counts 0. Cells of keys that aren't eligible stay as they are.
_AFTER = """
create temp table published_after as
with latest as (
    from committed
    semi join additive using (kpi_id)
    qualify row_number() over (
        partition by kpi_id, freq, time_period, segment, member order by sequence desc
    ) = 1
),
eligible_cells as (
    select kpi_id, freq, time_period, segment, member,
        coalesce(i.period_start, l.period_start) as period_start, coalesce(i.period_end, l.period_end) as period_end,
        i.obs_value, i.year_to_date, i.rolling_12_months,
        l.year_to_date as old_year_to_date, l.rolling_12_months as old_rolling_12_months,
        coalesce(i.conf_status, l.conf_status) <> 'F' as is_hidden,
        a.definition_version as version, true as is_eligible,
        l.kpi_id is null or not same(i.obs_value, l.obs_value) as changes
    from incoming i
    full join latest l using (kpi_id, freq, time_period, segment, member)
    join eligible a using (kpi_id, freq, time_period)
    semi join additive using (kpi_id)
)
from eligible_cells
union all by name
select kpi_id, freq, time_period, segment, member, period_start, period_end,
    obs_value, year_to_date, rolling_12_months, year_to_date as old_year_to_date,
    rolling_12_months as old_rolling_12_months, conf_status <> 'F' as is_hidden,
    definition_version as version, false as is_eligible, false as changes
from latest
anti join eligible using (kpi_id, freq, time_period);
"""
# Every value and sum to date that is a sum of shorter periods, where all of these are published by the same version of
# the definition. Only those that don't agree with the parts are left.
_SUMS = """
create temp table sums as
with keys as (
    select kpi_id, freq, time_period, segment, any_value(period_start) as period_start,
        any_value(period_end) as period_end, max(version) as version, bool_or(changes) as any_changes
    from published_after
    group by kpi_id, freq, time_period, segment
),
wholes as (
    select *, unnest(case freq
        when 'Q' then [{'of': 'value', 'part_freq': 'M', 'n_parts': 3}]
        when 'A' then [
            {'of': 'value', 'part_freq': 'M', 'n_parts': 12}, {'of': 'value', 'part_freq': 'Q', 'n_parts': 4}
        ]
        else []
    end, recursive := true), period_start as first_day
    from keys
    union all by name
    select *, 'year_to_date' as of, 'M' as part_freq, month(period_end) as n_parts,
        date_trunc('year', period_end)::date as first_day
    from keys where freq in ('M', 'Q')
    union all by name
    select *, 'rolling_12_months' as of, 'M' as part_freq, 12 as n_parts,
        (date_trunc('month', period_end) - interval 11 month)::date as first_day
    from keys where freq in ('M', 'Q')
),
complete as (
    select w.kpi_id, w.freq, w.time_period, w.period_end, w.segment, w.any_changes, w.of, w.part_freq, w.first_day
    from wholes w
    join keys p on p.kpi_id = w.kpi_id and p.segment = w.segment and p.version = w.version and p.freq = w.part_freq
        and p.period_start >= w.first_day and p.period_end <= w.period_end
    group by all
    having count(*) = any_value(w.n_parts)
),
parts as (
    select c.* exclude (period_end, first_day), p.member,
        sum(coalesce(p.obs_value, 0)) as expected, sum(abs(coalesce(p.obs_value, 0))) as size,
        bool_or(p.is_hidden) as is_hidden,
        list(p.time_period order by p.time_period) filter (p.changes) as changing,
        list(p.time_period order by p.time_period) filter (not p.is_eligible) as staying
    from complete c
    join published_after p on p.kpi_id = c.kpi_id and p.segment = c.segment and p.freq = c.part_freq
        and p.period_start >= c.first_day and p.period_end <= c.period_end
    group by all
),
wanted as (
    select c.* exclude (period_end, first_day, any_changes), a.* exclude (kpi_id, freq, time_period, segment),
        case of when 'value' then coalesce(obs_value, 0) when 'year_to_date' then year_to_date
            else rolling_12_months end as stated,
        case of when 'year_to_date' then old_year_to_date else old_rolling_12_months end as stated_before
    from complete c
    join published_after a using (kpi_id, freq, time_period, segment)
)
select kpi_id, freq, time_period, segment, member, of, part_freq,
    coalesce(w.is_eligible, false) as is_eligible, coalesce(w.changes, p.any_changes) as changes, changing, staying,
    case when of <> 'value' and agrees(stated_before, expected, size) then stated_before end as agreeing_before
from wanted w
full join parts p using (kpi_id, freq, time_period, segment, member, of, part_freq)
where not coalesce(w.is_hidden or p.is_hidden, w.is_hidden, p.is_hidden)
    and if(of = 'value', true, stated is not null)
    and not agrees(coalesce(stated, 0), coalesce(expected, 0), coalesce(size, 0));
"""
# The tolerance is wider than 1e-9: each month and quarter may differ by 1e-9 from its candidate, because it takes over
# the published value.
_AGREES = """
create temp macro agrees(stated, expected, size) as
    abs(stated - expected) <= 1e-8 * greatest(abs(stated), size)
"""
# One row per contradiction: the whole, what of it is a sum (`of`: value, year_to_date or rolling_12_months), and its
# parts that change and that stay.
_CONTRADICTIONS = """
select distinct kpi_id, freq, time_period, of, part_freq, changes, coalesce(changing, []), coalesce(staying, [])
from sums
where if(of = 'value', changes or len(changing) > 0, not is_eligible and len(changing) > 0)
order by all
"""
_TO_DATE = {
    "year_to_date": "if(y.of is null, i.year_to_date, y.agreeing_before) as year_to_date",
    "rolling_12_months": "if(r.of is null, i.rolling_12_months, r.agreeing_before) as rolling_12_months",
}
_COLUMNS = ", ".join(_TO_DATE.get(name, f"i.{name}") for name in INCOMING.names)
_INCOMING = f"""
select {_COLUMNS}
from incoming i
left join (from sums where of = 'year_to_date' and is_eligible) y using (kpi_id, freq, time_period, segment, member)
left join (from sums where of = 'rolling_12_months' and is_eligible) r
    using (kpi_id, freq, time_period, segment, member)
"""


def reconcile(
    incoming: pa.Table, eligible: pa.Table, committed: pa.Table, additive: Collection[str]
) -> tuple[pa.Table, dict[Key, str]]:
    """`incoming` with sums to date that agree with the published months, and by key the contradiction to be held.

    If one version of the definition published all months of a quarter or year, they must add up to it, and so must the
    quarters of a year. If they don't, the longer period is to be held if it would change, else the parts that would
    change. Call again without these keys until there is no contradiction.

    A sum to date that doesn't agree with the months keeps its published value. If that doesn't agree either, it is
    NULL.
    `incoming`, `eligible` and `committed` are as for `vintages.select`; `additive` are the ids of KPIs whose periods
    add up.
    """
    with duckdb.connect() as connection:
        connection.execute(SAME)
        connection.execute(_AGREES)
        connection.register("incoming", incoming)
        connection.register("eligible", eligible)
        connection.register("committed", committed)
        connection.register("additive", pa.table({"kpi_id": pa.array(sorted(additive), pa.string())}))
        connection.execute(_AFTER)
        connection.execute(_SUMS)
        contradictions: dict[Key, str] = {}
        for kpi_id, freq, whole, measure, part_freq, changes, changing, staying in connection.execute(
            _CONTRADICTIONS
        ).fetchall():
            if measure == "value" and changes:
                unchanged = f": {', '.join(staying)} would stay as published" if staying else ""
                detail = f"its published parts would not add up to it{unchanged}"
                contradictions.setdefault((kpi_id, freq, whole), detail)
                continue
            for part in changing:
                detail = f"it is a part of the {measure.replace('_', ' ')} of {whole}, which would stay as published"
                contradictions.setdefault((kpi_id, part_freq, part), detail)
        return connection.execute(_INCOMING).to_arrow_table().cast(INCOMING), contradictions
