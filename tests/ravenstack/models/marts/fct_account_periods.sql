-- An account is in a period's cohort when it paid on the day before. The months, quarters and years are rows of their
-- own: a quarter's cohort isn't that of its months.
with subscriptions as (

    select * from {{ ref('stg_subscriptions') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

periods as (

    {% for freq, unit in [('M', 'month'), ('Q', 'quarter'), ('A', 'year')] -%}
    select distinct
        '{{ freq }}' as cohort_freq,
        cast(date_trunc('{{ unit }}', date_day) as date) as period_start,
        {{ period_end("'" ~ freq ~ "'", "date_trunc('" ~ unit ~ "', date_day)") }} as period_end
    from dates
    {{ "union all" if not loop.last }}
    {% endfor %}

),

ended as (

    select
        *,
        period_start - 1 as opening_day
    from periods
    where period_end < {{ today() }}

),

accounts as (

    select
        subscriptions.customer_id as account_id,
        ended.cohort_freq,
        ended.period_start,
        sum(subscriptions.monthly_amount) filter (where {{ active_on('subscriptions', 'ended.opening_day') }}) as opening_mrr,
        coalesce(
            sum(subscriptions.monthly_amount) filter (where {{ active_on('subscriptions', 'ended.period_end') }}), 0
        ) as closing_mrr
    from subscriptions
    inner join ended on subscriptions.start_date <= ended.period_end
    group by all

),

final as (

    select
        account_id || '|' || cohort_freq || '|' || period_start as account_period_id,
        account_id,
        cohort_freq,
        period_start,
        cast(opening_mrr as decimal(18, 2)) as opening_mrr,
        cast(closing_mrr as decimal(18, 2)) as closing_mrr,
        cast(least(opening_mrr, closing_mrr) as decimal(18, 2)) as kept_mrr,
        closing_mrr = 0 as is_lost
    from accounts
    where opening_mrr > 0

)

select * from final
