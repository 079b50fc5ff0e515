with source as (

    select * from {{ source('raw', 'exchange_rates') }}

),

final as (

    select
        cast("date" as date) as rate_date,
        cast(currency as varchar) as currency,
        cast(sek_per_unit as decimal(18, 8)) as rate
    from source

)

select * from final
