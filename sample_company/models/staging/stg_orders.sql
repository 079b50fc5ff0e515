with orders as (

    select * from {{ source('raw', 'orders') }}

),

deliveries as (

    select * from {{ source('raw', 'deliveries') }}

),

first_deliveries as (

    -- A parcel that is reported twice was delivered the first time.
    select
        order_id,
        min(delivered_at) as delivered_at
    from deliveries
    group by order_id

),

final as (

    select
        cast(orders.order_id as varchar) as order_id,
        cast(orders.customer_id as varchar) as customer_id,
        cast(orders.ordered_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as order_date,
        cast(orders.country as varchar) as country,
        cast(orders.channel as varchar) as channel,
        cast(orders.promised_date as date) as promised_date,
        cast(first_deliveries.delivered_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as delivered_date
    from orders
    left join first_deliveries on orders.order_id = first_deliveries.order_id

)

select * from final
