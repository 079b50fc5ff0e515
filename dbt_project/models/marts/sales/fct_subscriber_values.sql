-- What a subscriber of the day before a period brought in it: the revenue of the subscriber's orders, less the company's
-- cost of goods for such revenue. Months, quarters and years are rows of their own, as in fct_subscriber_periods.
{% set units = [('M', 'month'), ('Q', 'quarter'), ('A', 'year')] -%}
with subscribers as (

    select * from {{ ref('fct_subscriber_periods') }}

),

lines as (

    select * from {{ ref('fct_order_lines') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

costs as (

    select * from {{ ref('fct_costs') }}
    where cost_function = 'cost_of_goods'

),

customer_months as (

    select
        orders.customer_id,
        cast(date_trunc('month', lines.line_date) as date) as revenue_month,
        sum(lines.net_amount) as net_revenue
    from lines
    inner join orders on lines.order_id = orders.order_id
    where orders.customer_id in (select customer_id from subscribers)
    group by orders.customer_id, date_trunc('month', lines.line_date)

),

company_months as (

    select
        cast(date_trunc('month', line_date) as date) as revenue_month,
        net_amount as net_revenue,
        null as cost_of_goods
    from lines
    union all
    select
        cost_month as revenue_month,
        null as net_revenue,
        amount as cost_of_goods
    from costs

),

customer_periods as (

    {% for freq, unit in units -%}
    select
        '{{ freq }}' as cohort_freq,
        customer_id,
        cast(date_trunc('{{ unit }}', revenue_month) as date) as period_start,
        sum(net_revenue) as net_revenue
    from customer_months
    group by customer_id, date_trunc('{{ unit }}', revenue_month)
    {{ "union all" if not loop.last }}
    {% endfor %}

),

company_periods as (

    {% for freq, unit in units -%}
    select
        '{{ freq }}' as cohort_freq,
        cast(date_trunc('{{ unit }}', revenue_month) as date) as period_start,
        sum(net_revenue) as net_revenue,
        sum(cost_of_goods) as cost_of_goods
    from company_months
    group by date_trunc('{{ unit }}', revenue_month)
    {{ "union all" if not loop.last }}
    {% endfor %}

),

final as (

    select
        subscribers.subscriber_period_id,
        subscribers.cohort_freq,
        subscribers.period_start,
        subscribers.plan,
        subscribers.country,
        subscribers.is_lost,
        -- A whole period without revenue or without costs has no margin.
        cast(
            coalesce(customer_periods.net_revenue, 0)
            * (company_periods.net_revenue - company_periods.cost_of_goods) / nullif(company_periods.net_revenue, 0)
            as decimal(28, 8)
        ) as gross_profit
    from subscribers
    left join customer_periods
        on
            subscribers.customer_id = customer_periods.customer_id
            and subscribers.cohort_freq = customer_periods.cohort_freq
            and subscribers.period_start = customer_periods.period_start
    left join company_periods
        on
            subscribers.cohort_freq = company_periods.cohort_freq
            and subscribers.period_start = company_periods.period_start

)

select * from final
