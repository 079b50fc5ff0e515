with orders as (

    select * from {{ ref('fct_orders') }}
    where customer_id is not null

),

customers as (

    select * from {{ ref('stg_customers') }}

),

final as (

    select
        orders.customer_id,
        customers.person_id,
        customers.customer_type,
        orders.country,
        orders.channel,
        orders.order_date as first_order_date
    from orders
    left join customers on orders.customer_id = customers.customer_id
    where orders.order_number = 1

)

select * from final
