with source as (

    select * from {{ source('raw', 'ledger') }}

),

final as (

    select
        cast(voucher_no as varchar) as cost_id,
        cast(period as date) as cost_month,
        case cost_function
            when 'KSV' then 'cost_of_goods'
            when 'LOG' then 'fulfilment'
            when 'FSG' then 'sales_marketing'
            when 'ADM' then 'administration'
            when 'FOU' then 'research_development'
        end as cost_function,
        cast(product_group as varchar) as product_category,
        cast(amount as decimal(18, 4)) as amount,
        'SEK' as currency
    from source

)

select * from final
