with injuries as (

    select * from {{ ref('stg_injuries') }}

),

employee_days as (

    select * from {{ ref('fct_employee_days') }}

),

final as (

    select
        injuries.injury_id,
        injuries.employee_id,
        injuries.injury_date,
        employee_days.department,
        employee_days.country,
        injuries.is_recordable,
        injuries.is_recordable and injuries.lost_days >= 1 as is_lost_time
    from injuries
    left join employee_days
        on injuries.employee_id = employee_days.employee_id and injuries.injury_date = employee_days.date_day

)

select * from final
