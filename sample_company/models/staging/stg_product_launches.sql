with source as (

    select * from {{ source('raw', 'launches') }}

),

final as (

    select
        cast(launch_no as varchar) as launch_id,
        cast(product_id as varchar) as product_id,
        cast(launched_on as date) as launch_date
    from source

)

select * from final
