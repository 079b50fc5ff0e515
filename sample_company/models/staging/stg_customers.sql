with source as (

    select * from {{ source('raw', 'customers') }}

),

final as (

    select
        cast(customer_id as varchar) as customer_id,
        cast(email as varchar) as person_id,
        cast(country as varchar) as country,
        cast(type as varchar) as customer_type,
        cast(created_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as created_date
    from source

)

select * from final
