with days as (

    select cast(unnest(generate_series(date '2000-01-01', {{ today() }} + interval 1 year, interval 1 day)) as date) as date_day

),

final as (

    select
        date_day,
        isodow(date_day) <= 5 as is_weekday
    from days

)

select * from final
