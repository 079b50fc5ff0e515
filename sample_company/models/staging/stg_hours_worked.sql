with source as (

    select * from {{ source('raw', 'time_sheets') }}

),

final as (

    select
        cast(employee_id as varchar) as employee_id,
        cast("month" as date) as work_month,
        cast(department as varchar) as department,
        cast(country as varchar) as country,
        cast(hours as decimal(9, 2)) as hours
    from source

)

select * from final
