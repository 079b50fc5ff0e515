with source as (

    select * from {{ source('raw', 'readings') }}

),

final as (

    -- The start stays in UTC: local time would give two readings the same hour in October.
    select
        cast(meter_no as varchar) as meter_id,
        cast(site as varchar) as site,
        cast(hour_start_utc as timestamp) as interval_start,
        cast(hour_start_utc at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as reading_date,
        cast(kwh as decimal(18, 4)) as energy_kwh,
        cast(cast(kwh as decimal(18, 4)) * cast(co2_g_per_kwh as decimal(9, 3)) / 1000000 as decimal(18, 6)) as co2_tonnes,
        _loaded_at
    from source

)

select * from final
