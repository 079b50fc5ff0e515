with hours_worked as (

    select * from {{ ref('stg_hours_worked') }}

),

final as (

    select
        employee_id || '|' || work_month as work_id,
        employee_id,
        cast(date_trunc('month', work_month) as date) as work_month,
        department,
        country,
        hours,
        cast(hours / 1000000 as decimal(18, 9)) as million_hours
    from hours_worked

)

select * from final
