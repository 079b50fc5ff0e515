with lines as (

    select * from {{ source('raw', 'sales_2015') }}
    union all by name
    select * from {{ source('raw', 'sales') }}

),

returns as (

    select * from {{ source('raw', 'returns') }}

),

territories as (

    select * from {{ source('raw', 'territories') }}

),

dates as (

    select
        order_id,
        min(line_date) as order_date
    from {{ ref('stg_order_lines') }}
    group by order_id

),

documents as (

    -- One order has three customers (SO56916): that of its first line counts.
    select
        "OrderNumber" as order_id,
        arg_min("CustomerKey", cast("OrderLineItem" as integer)) as customer_id,
        arg_min("TerritoryKey", cast("OrderLineItem" as integer)) as territory
    from lines
    where "OrderNumber" like 'SO%'
    group by "OrderNumber"

    union all

    -- Letters after a territory's key are slips.
    select
        'R-' || _source_line as order_id,
        cast(null as varchar) as customer_id,
        regexp_extract("TerritoryKey", '[0-9]+') as territory
    from returns

),

final as (

    select
        documents.order_id,
        documents.customer_id,
        dates.order_date,
        territories."Country" as country,
        cast(null as varchar) as channel,
        cast(null as date) as promised_date,
        cast(null as date) as delivered_date
    from documents
    inner join dates on documents.order_id = dates.order_id
    left join territories on documents.territory = territories."Territory"

)

select * from final
