with source as (

    select * from {{ source('raw', 'incidents') }}

),

final as (

    select
        cast(incident as varchar) as incident_id,
        cast(service as varchar) as service,
        cast(priority as varchar) as priority,
        cast(opened_at as timestamp) as opened_at,
        cast(resolved_at as timestamp) as resolved_at,
        cast(opened_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as opened_date,
        cast(resolved_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as resolved_date,
        cast(sla_met as boolean) as met_sla,
        _loaded_at
    from source

)

select * from final
