with source as (

    select * from {{ source('raw', 'defects') }}

),

final as (

    select
        cast(key as varchar) as defect_id,
        cast(component as varchar) as service,
        cast(severity as varchar) as severity,
        cast(created as timestamp) as created_at,
        cast(resolved as timestamp) as closed_at,
        cast(created at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as created_date,
        cast(resolved at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as closed_date,
        _loaded_at
    from source

)

select * from final
