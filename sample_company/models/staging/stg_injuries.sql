with source as (

    select * from {{ source('raw', 'injury_log') }}

),

final as (

    select
        cast(case_no as varchar) as injury_id,
        cast(employee_id as varchar) as employee_id,
        cast(occurred_on as date) as injury_date,
        outcome <> 'First aid' as is_recordable,
        cast(days_away as integer) as lost_days
    from source

)

select * from final
