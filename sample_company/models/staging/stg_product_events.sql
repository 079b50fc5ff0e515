with source as (

    select * from {{ source('raw', 'app_events') }}

),

final as (

    select
        cast(customer_id as varchar) as user_id,
        cast(day as date) as event_date,
        cast(platform as varchar) as platform,
        cast(country as varchar) as country,
        cast(event as varchar) as event,
        event = 'order_again' as is_core_action,
        cast(times as bigint) as event_count,
        _loaded_at
    from source

)

select * from final
