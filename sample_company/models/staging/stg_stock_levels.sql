with source as (

    select * from {{ source('raw', 'stock_levels') }}

),

final as (

    select
        cast(product_id as varchar) as product_id,
        cast(warehouse as varchar) as site,
        cast(snapshot_date as date) as stock_date,
        cast(on_hand as decimal(18, 3)) as quantity,
        cast(unit_cost_sek as decimal(18, 4)) as unit_cost,
        'SEK' as currency
    from source

)

select * from final
