with incidents as (

    select * from {{ ref('stg_incidents') }}

),

final as (

    select
        incident_id,
        service,
        priority,
        opened_date,
        resolved_date,
        met_sla,
        cast(date_diff('second', opened_at, resolved_at) / 3600.0 as decimal(18, 6)) as resolution_hours,
        _loaded_at
    from incidents

)

select * from final
