with source as (

    select * from {{ source('raw', 'order_lines') }}

),

final as (

    select
        cast(order_line_id as varchar) as order_line_id,
        cast(order_id as varchar) as order_id,
        cast(booked_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as line_date,
        cast(product_id as varchar) as product_id,
        line_type = 'return' as is_return,
        cast(quantity as decimal(18, 3)) as quantity,
        cast(net_amount as decimal(18, 4)) as net_amount,
        cast(currency as varchar) as currency
    from source

)

select * from final
