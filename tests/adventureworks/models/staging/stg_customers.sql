with source as (

    select * from {{ source('raw', 'customers') }}

),

final as (

    -- A pseudonym of the filler's key is a customer of whom nothing is known, and who bought nothing.
    select distinct
        "CustomerKey" as customer_id,
        cast(null as varchar) as person_id,
        cast(null as varchar) as country,
        'consumer' as customer_type,
        cast(null as date) as created_date
    from source
    where "CustomerKey" is not null

)

select * from final
