with source as (

    select * from {{ source('raw', 'invoice_lines') }}

),

final as (

    -- Buyer and country are one per invoice, though eight customers bought from two countries.
    select
        "InvoiceNo" as order_id,
        any_value("CustomerID") as customer_id,
        cast(min("InvoiceDate") as date) as order_date,
        any_value("Country") as country,
        cast(null as varchar) as channel,
        cast(null as date) as promised_date,
        cast(null as date) as delivered_date
    from source
    group by "InvoiceNo"

)

select * from final
