with source as (

    select * from {{ source('raw', 'products') }}

),

final as (

    select
        cast(product_id as varchar) as product_id,
        cast(name as varchar) as product_name,
        cast(category as varchar) as product_category
    from source

)

select * from final
