with rates as (

    select
        currency,
        rate_date,
        rate,
        lead(rate_date) over (partition by currency order by rate_date) as next_rate_date
    from {{ ref('stg_exchange_rates') }}

),

dates as (

    select * from {{ ref('dim_dates') }}

),

final as (

    select
        rates.currency,
        dates.date_day as rate_date,
        rates.rate
    from rates
    inner join dates
        on
            dates.date_day >= rates.rate_date
            and dates.date_day < coalesce(rates.next_rate_date, {{ today() }} + interval 1 day)

)

select * from final
