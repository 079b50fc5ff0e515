with source as (

    select * from {{ source('raw', 'probes') }}

),

final as (

    -- The start stays in UTC: local time would give two rows the same hour in October.
    select
        cast(service as varchar) as service,
        cast(hour_utc as timestamp) as interval_start,
        cast(hour_utc at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as probe_date,
        cast(probes - in_maintenance as bigint) as valid_probes,
        cast(probes - failed as bigint) as good_probes,
        _loaded_at
    from source

)

select * from final
