with source as (

    select * from {{ source('raw', 'invoice_lines') }}

),

final as (

    select
        -- The lines have no key, and exact duplicates count: what tells them apart is where they stand.
        _source_file || ':' || _source_line as order_line_id,
        "InvoiceNo" as order_id,
        cast("InvoiceDate" as date) as line_date,
        "StockCode" as product_id,
        "InvoiceNo" like 'C%' or "Quantity" < 0 as is_return,
        cast("Quantity" as decimal(18, 3)) as quantity,
        cast(cast("Quantity" as decimal(18, 0)) * cast("UnitPrice" as decimal(18, 4)) as decimal(18, 4)) as net_amount,
        'GBP' as currency
    from source

)

select * from final
