with positions as (

    select * from {{ ref('stg_management_positions') }}

),

employee_days as (

    select * from {{ ref('fct_employee_days') }}

),

ranked as (

    -- Whoever holds two positions on a day counts at the higher level.
    select
        employee_days.employee_day_id as manager_day_id,
        employee_days.employee_id,
        employee_days.date_day,
        employee_days.department,
        employee_days.country,
        employee_days.sex,
        positions.management_level,
        row_number() over (
            partition by employee_days.employee_day_id
            order by case positions.management_level when 'top' then 1 when 'middle' then 2 else 3 end
        ) as position_number
    from positions
    inner join employee_days
        on
            positions.employee_id = employee_days.employee_id
            and employee_days.date_day >= positions.start_date
            and employee_days.date_day < coalesce(positions.end_date, date '9999-12-31')

),

final as (

    select
        manager_day_id,
        employee_id,
        date_day,
        department,
        country,
        management_level,
        sex
    from ranked
    where position_number = 1

)

select * from final
