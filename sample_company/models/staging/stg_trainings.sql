with source as (

    select * from {{ source('raw', 'completions') }}

),

final as (

    select
        cast(completion_id as varchar) as training_id,
        cast(employee_id as varchar) as employee_id,
        cast(completed_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as training_date,
        cast(duration_minutes / 60.0 as decimal(9, 4)) as hours
    from source

)

select * from final
