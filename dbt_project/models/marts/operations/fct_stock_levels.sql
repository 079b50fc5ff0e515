with stock_levels as (

    select * from {{ ref('stg_stock_levels') }}

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
        stock_levels.product_id || '|' || coalesce(stock_levels.site, '') || '|' || stock_levels.stock_date as stock_level_id,
        stock_levels.product_id,
        stock_levels.site,
        stock_levels.stock_date,
        products.product_category,
        stock_levels.quantity,
        {{ to_reporting_currency('stock_levels.quantity * stock_levels.unit_cost', 'stock_levels.currency', 'rates.rate') }} as stock_value
    from stock_levels
    cross join company
    left join products on stock_levels.product_id = products.product_id
    left join rates on stock_levels.currency = rates.currency and stock_levels.stock_date = rates.rate_date

)

select * from final
