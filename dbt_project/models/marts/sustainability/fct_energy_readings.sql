with readings as (

    select * from {{ ref('stg_energy_readings') }}

),

final as (

    select
        meter_id || '|' || interval_start as reading_id,
        meter_id,
        site,
        reading_date,
        cast(energy_kwh / 1000 as decimal(18, 7)) as energy_mwh,
        co2_tonnes,
        _loaded_at
    from readings

)

select * from final
