with defects as (

    select * from {{ ref('stg_defects') }}

),

final as (

    select
        defect_id,
        service,
        severity,
        created_date,
        closed_date,
        cast(date_diff('second', created_at, closed_at) / 3600.0 as decimal(18, 6)) as resolution_hours,
        _loaded_at
    from defects

)

select * from final
