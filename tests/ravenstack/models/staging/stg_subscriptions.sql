with source as (

    select * from {{ source('raw', 'subscriptions') }}

),

final as (

    select
        subscription_id,
        account_id,
        plan_tier,
        start_date,
        end_date,
        cast(mrr_amount as decimal(18, 2)) as mrr_amount
    from source
    where mrr_amount > 0

)

select * from final
