with source as (

    select * from {{ source('raw', 'meter_readings') }}

),

intervals as (

    -- A stamp is the interval's end, but midnight has the date of the day that ends there.
    select
        *,
        "date"
        + case when cast("date" as time) = time '00:00' then interval 1 day else interval 0 day end
        - interval 15 minute as interval_start
    from source

),

final as (

    select
        'main' as meter_id,
        'plant' as site,
        interval_start,
        cast(interval_start as date) as reading_date,
        cast("Usage_kWh" as decimal(18, 4)) as energy_kwh,
        cast("CO2(tCO2)" as decimal(18, 6)) as co2_tonnes,
        _loaded_at
    from intervals

)

select * from final
