-- A customer is in a period's cohort when subscribing on the day before it. The months, quarters and years are rows of
-- their own: a quarter's cohort isn't that of its months.
with spells as (

    select * from {{ ref('stg_subscriptions') }}

),

rates as (

    select * from {{ ref('dim_exchange_rates') }}

),

company as (

    select * from {{ ref('company') }}

),

periods as (

    {% for freq, unit in [('M', 'month'), ('Q', 'quarter'), ('A', 'year')] -%}
    select distinct
        '{{ freq }}' as cohort_freq,
        cast(date_trunc('{{ unit }}', date_day) as date) as period_start,
        {{ period_end("'" ~ freq ~ "'", "date_trunc('" ~ unit ~ "', date_day)") }} as period_end
    from {{ ref('dim_dates') }}
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

amounts as (

    -- Both amounts at the rate of the opening day: a change of the rate is no expansion.
    select
        spells.customer_id,
        spells.start_date,
        spells.plan,
        spells.country,
        ended.cohort_freq,
        ended.period_start,
        spells.start_date <= ended.opening_day
        and coalesce(spells.end_date, date '9999-12-31') > ended.opening_day as is_opening,
        spells.start_date <= ended.period_end
        and coalesce(spells.end_date, date '9999-12-31') > ended.period_end as is_closing,
        {{ to_reporting_currency('spells.monthly_amount', 'spells.currency', 'rates.rate') }} as monthly_amount
    from spells
    cross join company
    inner join ended
        on
            spells.start_date <= ended.period_end
            and coalesce(spells.end_date, date '9999-12-31') > ended.opening_day
    left join rates on spells.currency = rates.currency and ended.opening_day = rates.rate_date

),

customers as (

    select
        customer_id,
        cohort_freq,
        period_start,
        -- Of several subscriptions, that which is dearest.
        arg_max(plan, (monthly_amount, start_date, plan)) filter (where is_opening) as plan,
        arg_max(country, (monthly_amount, start_date, country)) filter (where is_opening) as country,
        bool_or(is_opening) as is_subscriber,
        not bool_or(is_closing) as is_lost,
        sum(monthly_amount) filter (where is_opening) as opening_amount,
        coalesce(sum(monthly_amount) filter (where is_closing), 0) as closing_amount
    from amounts
    group by customer_id, cohort_freq, period_start

),

final as (

    select
        customer_id || '|' || cohort_freq || '|' || period_start as subscriber_period_id,
        customer_id,
        cohort_freq,
        period_start,
        plan,
        country,
        is_lost,
        cast(opening_amount as decimal(18, 4)) as opening_amount,
        cast(closing_amount as decimal(18, 4)) as closing_amount,
        cast(least(opening_amount, closing_amount) as decimal(18, 4)) as kept_amount
    from customers
    where is_subscriber

)

select * from final
