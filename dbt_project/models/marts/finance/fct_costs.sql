with costs as (

    select * from {{ ref('stg_costs') }}

),

rates as (

    select * from {{ ref('dim_exchange_rates') }}

),

company as (

    select * from {{ ref('company') }}

),

final as (

    select
        costs.cost_id,
        cast(date_trunc('month', costs.cost_month) as date) as cost_month,
        costs.cost_function,
        costs.product_category,
        {{ to_reporting_currency('costs.amount', 'costs.currency', 'rates.rate') }} as amount
    from costs
    cross join company
    left join rates on costs.currency = rates.currency and last_day(costs.cost_month) = rates.rate_date

)

select * from final
