with source as (

    select * from {{ source('raw', 'support_tickets') }}

),

final as (

    -- A ticket is an incident of a customer. Days are all that the extract has of its times, but hours of how long it
    -- took: it is opened so many hours before the end of the day on which it was closed.
    select
        ticket_id as incident_id,
        cast(null as varchar) as service,
        priority,
        cast(closed_at as timestamp) - to_hours(resolution_time_hours) as opened_at,
        cast(closed_at as timestamp) as resolved_at,
        submitted_at as opened_date,
        closed_at as resolved_date,
        cast(null as boolean) as met_sla,
        _loaded_at
    from source

)

select * from final
