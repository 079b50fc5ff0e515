with rates as (

    select * from {{ ref('stg_exchange_rates') }}

),

final as (

    select
        currency,
        rate_date as valid_from,
        coalesce(lead(rate_date) over (partition by currency order by rate_date), date '9999-12-31') as valid_to,
        rate
    from rates

)

select * from final
