with subscriptions as (

    select * from {{ source('raw', 'subscriptions') }}
    where mrr_amount > 0

),

accounts as (

    select * from {{ source('raw', 'accounts') }}

),

final as (

    select
        subscriptions.subscription_id,
        subscriptions.account_id as customer_id,
        subscriptions.start_date,
        subscriptions.end_date,
        subscriptions.plan_tier as plan,
        accounts.country,
        cast(subscriptions.mrr_amount as decimal(18, 4)) as monthly_amount,
        'USD' as currency
    from subscriptions
    left join accounts on subscriptions.account_id = accounts.account_id

)

select * from final
