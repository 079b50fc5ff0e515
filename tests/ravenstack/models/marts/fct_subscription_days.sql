with subscriptions as (

    select * from {{ ref('stg_subscriptions') }}

),

dates as (

    select * from {{ ref('dim_dates') }}
    where date_day < {{ today() }}

),

final as (

    select
        subscriptions.subscription_id || '|' || dates.date_day as subscription_day_id,
        subscriptions.subscription_id,
        subscriptions.customer_id as account_id,
        subscriptions.plan as plan_tier,
        dates.date_day,
        cast(subscriptions.monthly_amount as decimal(18, 2)) as mrr_amount
    from subscriptions
    inner join dates on {{ active_on('subscriptions', 'dates.date_day') }}

)

select * from final
