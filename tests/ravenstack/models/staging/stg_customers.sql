with source as (

    select * from {{ source('raw', 'accounts') }}

),

final as (

    select
        account_id as customer_id,
        cast(null as varchar) as person_id,
        country,
        'business' as customer_type,
        signup_date as created_date
    from source

)

select * from final
