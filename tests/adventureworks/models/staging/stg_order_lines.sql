with lines as (

    select * from {{ source('raw', 'sales_2015') }}
    union all by name
    select * from {{ source('raw', 'sales') }}

),

numbered as (

    -- Lines of filler have no order number. One line is in its file twice (SO61289, line 3).
    select
        *,
        cast(substr("OrderNumber", 3) as integer) as order_sequence
    from lines
    where "OrderNumber" like 'SO%'
    qualify row_number() over (partition by "OrderNumber", "OrderLineItem" order by _source_line) = 1

),

dated as (

    -- Of 2 to 12 January of 2016 and 2017 day and month are swapped: such a line is dated the first of a later month,
    -- but its order number, which rises with time, is one of January's.
    select
        *,
        case
            when day("OrderDate") = 1 and month("OrderDate") > 1
                and order_sequence
                < min(order_sequence) filter (where month("OrderDate") = 1 and day("OrderDate") = 13)
                    over (partition by year("OrderDate"))
                then make_date(year("OrderDate"), 1, month("OrderDate"))
            else "OrderDate"
        end as line_date
    from numbered

),

returns as (

    select * from {{ source('raw', 'returns') }}

),

prices as (

    select
        "Product-ID" as product_id,
        cast("ProductPrice" as decimal(18, 4)) as price
    from {{ source('raw', 'products') }}
    where try_cast("Product-ID" as integer) is not null

),

movements as (

    select
        "OrderNumber" || '-' || "OrderLineItem" as order_line_id,
        "OrderNumber" as order_id,
        line_date,
        "ProductKey" as product_id,
        false as is_return,
        cast("OrderQuantity" as decimal(18, 3)) as quantity
    from dated

    union all

    -- Goods come back without their order's number. Letters before a product's key are slips.
    select
        'R-' || _source_line as order_line_id,
        'R-' || _source_line as order_id,
        "ReturnDate" as line_date,
        regexp_extract("ProductKey", '[0-9]+') as product_id,
        true as is_return,
        -cast("ReturnQuantity" as decimal(18, 3)) as quantity
    from returns
    where "ReturnDate" is not null

),

final as (

    -- The list price is the only amount that the files have.
    select
        movements.order_line_id,
        movements.order_id,
        movements.line_date,
        movements.product_id,
        movements.is_return,
        movements.quantity,
        cast(cast(movements.quantity as decimal(9, 0)) * prices.price as decimal(18, 4)) as net_amount,
        'USD' as currency
    from movements
    left join prices on movements.product_id = prices.product_id

)

select * from final
