with source as (

    select * from {{ source('raw', 'subscriptions') }}

),

final as (

    -- What is ordered is a month of the subscription. It is no revenue, and no KPI of revenue is adopted.
    select
        subscription_id as order_line_id,
        subscription_id as order_id,
        start_date as line_date,
        plan_tier as product_id,
        false as is_return,
        cast(1 as decimal(18, 3)) as quantity,
        cast(mrr_amount as decimal(18, 4)) as net_amount,
        'USD' as currency
    from source
    where mrr_amount > 0

)

select * from final
