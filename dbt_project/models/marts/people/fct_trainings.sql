with trainings as (

    select * from {{ ref('stg_trainings') }}

),

employee_days as (

    select * from {{ ref('fct_employee_days') }}

),

final as (

    select
        trainings.training_id,
        trainings.employee_id,
        trainings.training_date,
        employee_days.department,
        employee_days.country,
        employee_days.sex,
        trainings.hours,
        employee_days.fte is not null as has_fte
    from trainings
    left join employee_days
        on trainings.employee_id = employee_days.employee_id and trainings.training_date = employee_days.date_day

)

select * from final
