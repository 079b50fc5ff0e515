with source as (

    select * from {{ source('raw', 'memberships') }}

),

final as (

    select
        cast(membership_id as varchar) as subscription_id,
        cast(customer_id as varchar) as customer_id,
        cast(valid_from as date) as start_date,
        cast(valid_to + interval 1 day as date) as end_date,
        cast(plan as varchar) as plan,
        cast(country as varchar) as country,
        cast(monthly_fee as decimal(18, 4)) as monthly_amount,
        cast(currency as varchar) as currency
    from source

)

select * from final
