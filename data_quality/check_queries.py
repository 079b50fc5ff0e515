"""The queries of the gate's checks: each gives one row per planned key.

Columns: key_no, figure (what the limit is held against; a key passes when figure <= limit), applies, detail (for a
reader; may hold figures). A figure that is NULL or NaN where the check applies counts as not evaluated. They read the
temporary tables of `candidates.py` (candidate_rows, builds) and of `checks.py` (planned, rules, kpi_feeds,
kpi_segments, feeds).
"""

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
        when not bool_and(coalesce(ok, false)) then 'its newest build is not good' || coalesce(': ' || max(reason), '')
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
# Where most changes are nil, their mean size stands in for the median deviation. A change within the chance of small
# numbers (binomial for fractions, Poisson for counts) is none to speak of either.
# While there are fewer than 8 earlier year-on-year changes, those are held against the scale of the other ones.
PLAUSIBLE_CHANGE = """
with totals as (
    select
        c.kpi_id, c.freq, c.time_period, c.period_start, c.period_end, max(c.obs_value) as v, max(c.n_obs) as n_obs
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
        any_value(case
            when r.unit = 'fraction' and t.v + t.before between 0 and 2
                then sqrt((t.v + t.before) * (2 - t.v - t.before) / 2 / nullif(t.n_obs, 0))
            when r.unit = 'count' and t.v + t.before >= 0 then sqrt(t.v + t.before)
        end / case when t.positive then nullif((t.v + t.before) / 2, 0) else 1 end) as chance,
        any_value(case when t.positive then t.log_change else t.change end) as c,
        any_value(case when t.positive then t.log_change_year else t.change_year end) as c_year,
        count(case when t.positive then h.log_change else h.change end) as n,
        median(case when t.positive then h.log_change else h.change end) as centre,
        mad(case when t.positive then h.log_change else h.change end) as spread,
        avg(abs(case when t.positive then h.log_change else h.change end)) as mean_size,
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
        greatest(usual, chance, unremarkable / max_z) as scale,
        greatest(case when n_year >= 8 then 1.4826 * spread_year else usual end, chance, unremarkable / max_z)
            as scale_year
    from (select *, case when spread > 0 then 1.4826 * spread else 1.2533 * mean_size end as usual from history)
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
