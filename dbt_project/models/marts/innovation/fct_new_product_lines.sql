with lines as (

    select * from {{ ref('fct_order_lines') }}

),

launches as (

    select * from {{ ref('stg_product_launches') }}

),

final as (

    -- Three years to the day: a product launched on 29 February is new up to 27 February, three years later.
    select
        order_line_id,
        line_date,
        country,
        channel,
        product_category,
        net_amount
    from lines
    where
        exists (
            select 1
            from launches
            where
                launches.product_id = lines.product_id
                and launches.launch_date <= lines.line_date
                and lines.line_date < cast(launches.launch_date + interval 3 year as date)
        )

)

select * from final
