with launches as (

    select * from {{ ref('stg_product_launches') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

final as (

    select
        launches.launch_id,
        launches.product_id,
        launches.launch_date,
        products.product_category
    from launches
    left join products on launches.product_id = products.product_id

)

select * from final
