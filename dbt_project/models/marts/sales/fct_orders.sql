with orders as (

    select * from {{ ref('stg_orders') }}

),

sales as (

    select
        order_id,
        sum(net_amount) as gross_amount
    from {{ ref('fct_order_lines') }}
    where not is_return
    group by order_id

),

final as (

    select
        orders.order_id,
        orders.customer_id,
        orders.customer_id is not null as is_identified,
        orders.order_date,
        orders.country,
        orders.channel,
        -- Two orders of one day count in the order of their ids: the same on every run.
        case
            when orders.customer_id is not null
                then row_number() over (partition by orders.customer_id order by orders.order_date, orders.order_id)
        end as order_number,
        case
            when orders.customer_id is not null
                then row_number() over (partition by orders.customer_id order by orders.order_date, orders.order_id) > 1
        end as is_repeat_order,
        orders.promised_date,
        orders.delivered_date,
        orders.delivered_date <= orders.promised_date as is_on_time,
        date_diff('day', orders.order_date, orders.delivered_date) as cycle_days,
        cast(sales.gross_amount as decimal(18, 4)) as gross_amount
    from orders
    inner join sales on orders.order_id = sales.order_id

)

select * from final
