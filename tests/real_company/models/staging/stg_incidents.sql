with source as (

    select * from {{ source('raw', 'incident_events') }}

),

last_events as (

    select * from source
    qualify row_number() over (partition by "number" order by "sys_mod_count" desc, _source_file desc, _source_line desc) = 1

),

final as (

    -- The log names no time zone, so its times are taken as they are.
    select
        "number" as incident_id,
        "category" as service,
        "priority" as priority,
        "opened_at" as opened_at,
        "resolved_at" as resolved_at,
        cast("opened_at" as date) as opened_date,
        cast("resolved_at" as date) as resolved_date,
        "made_sla" as met_sla,
        -- A row is made of several events.
        (select max(_loaded_at) from source) as _loaded_at
    from last_events

)

select * from final
