with spells as (

    select * from {{ ref('stg_employees') }}

),

dates as (

    select * from {{ ref('dim_dates') }}
    where date_day < {{ today() }}

),

rates as (

    select * from {{ ref('dim_exchange_rates') }}

),

company as (

    select * from {{ ref('company') }}

),

final as (

    select
        spells.employee_id || '|' || dates.date_day as employee_day_id,
        spells.employee_id,
        dates.date_day,
        spells.department,
        spells.country,
        spells.sex,
        dates.is_weekday as is_working_day,
        spells.fte,
        {{ to_reporting_currency('spells.hourly_pay', 'spells.currency', 'rates.rate') }} as hourly_pay
    from spells
    cross join company
    inner join dates
        on
            dates.date_day >= spells.spell_start
            and dates.date_day < coalesce(spells.spell_end, date '9999-12-31')
    left join rates on spells.currency = rates.currency and dates.date_day = rates.rate_date

)

select * from final
