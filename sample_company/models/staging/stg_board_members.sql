with source as (

    select * from {{ source('raw', 'board_members') }}

),

final as (

    select
        cast(seat as varchar) as seat_id,
        case appointed_by when 'general meeting' then 'elected' when 'employees' then 'employee' end as seat_type,
        cast(sex as varchar) as sex,
        cast(first_day as date) as start_date,
        cast(last_day + interval 1 day as date) as end_date
    from source

)

select * from final
