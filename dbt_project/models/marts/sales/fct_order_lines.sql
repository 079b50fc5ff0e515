with lines as (

    select * from {{ ref('stg_order_lines') }}

),

orders as (

    select * from {{ ref('stg_orders') }}

),

products as (

    select * from {{ ref('stg_products') }}

),

rates as (

    select * from {{ ref('dim_exchange_rates') }}

),

company as (

    select * from {{ ref('company') }}

),

final as (

    select
        lines.order_line_id,
        lines.order_id,
        lines.line_date,
        lines.product_id,
        orders.customer_id is not null as is_identified,
        orders.country,
        orders.channel,
        products.product_category,
        lines.is_return,
        lines.quantity,
        {{ to_reporting_currency('lines.net_amount', 'lines.currency', 'rates.rate') }} as net_amount
    from lines
    cross join company
    left join orders on lines.order_id = orders.order_id
    left join products on lines.product_id = products.product_id
    left join rates on lines.currency = rates.currency and lines.line_date = rates.rate_date

)

select * from final
