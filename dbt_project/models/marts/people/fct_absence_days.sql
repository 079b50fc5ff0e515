with absences as (

    select * from {{ ref('stg_absences') }}

),

employee_days as (

    select * from {{ ref('fct_employee_days') }}

),

final as (

    -- Overlapping absences of one employee lose a day once.
    select distinct
        employee_days.employee_day_id as absence_day_id,
        employee_days.employee_id,
        employee_days.date_day as absence_date,
        employee_days.department,
        employee_days.country
    from absences
    inner join employee_days
        on
            absences.employee_id = employee_days.employee_id
            and employee_days.date_day between absences.start_date and absences.end_date
    where absences.is_unplanned and employee_days.is_working_day

)

select * from final
