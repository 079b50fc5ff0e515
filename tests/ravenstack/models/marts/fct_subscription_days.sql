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
        subscriptions.account_id,
        subscriptions.plan_tier,
        dates.date_day,
        subscriptions.mrr_amount
    from subscriptions
    inner join dates on {{ active_on('subscriptions', 'dates.date_day') }}

)

select * from final
