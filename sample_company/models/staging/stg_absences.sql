with source as (

    select * from {{ source('raw', 'absences') }}

),

final as (

    select
        cast(absence_id as varchar) as absence_id,
        cast(employee_id as varchar) as employee_id,
        cast(first_day as date) as start_date,
        cast(last_day as date) as end_date,
        type in ('sick', 'care_of_child') as is_unplanned
    from source

)

select * from final
