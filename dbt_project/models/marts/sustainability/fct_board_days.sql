with members as (

    select * from {{ ref('stg_board_members') }}

),

dates as (

    select * from {{ ref('dim_dates') }}
    where date_day < {{ today() }}

),

final as (

    select
        members.seat_id || '|' || dates.date_day as board_day_id,
        dates.date_day,
        members.seat_type,
        members.sex
    from members
    inner join dates
        on
            dates.date_day >= members.start_date
            and dates.date_day < coalesce(members.end_date, date '9999-12-31')

)

select * from final
