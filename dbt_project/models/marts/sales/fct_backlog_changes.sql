with orders as (

    select * from {{ ref('fct_orders') }}
    where promised_date is not null

),

final as (

    select
        order_id || '|placed' as backlog_change_id,
        order_date as change_date,
        country,
        channel,
        1 as orders,
        gross_amount as amount
    from orders
    union all
    select
        order_id || '|delivered' as backlog_change_id,
        delivered_date as change_date,
        country,
        channel,
        -1 as orders,
        -gross_amount as amount
    from orders
    where delivered_date is not null

)

select * from final
