with readings as (

    select * from {{ ref('stg_water_readings') }}

),

final as (

    select
        site || '|' || reading_month as water_reading_id,
        cast(date_trunc('month', reading_month) as date) as reading_month,
        site,
        withdrawal_m3,
        cast(withdrawal_m3 - discharge_m3 as decimal(18, 3)) as consumption_m3
    from readings

)

select * from final
