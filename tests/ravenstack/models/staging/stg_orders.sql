with subscriptions as (

    select * from {{ source('raw', 'subscriptions') }}

),

accounts as (

    select * from {{ source('raw', 'accounts') }}

),

final as (

    -- A subscription that is paid for is an order, placed on the day on which it starts.
    select
        subscriptions.subscription_id as order_id,
        subscriptions.account_id as customer_id,
        subscriptions.start_date as order_date,
        accounts.country,
        cast(null as varchar) as channel,
        cast(null as date) as promised_date,
        cast(null as date) as delivered_date
    from subscriptions
    left join accounts on subscriptions.account_id = accounts.account_id
    where subscriptions.mrr_amount > 0

)

select * from final
