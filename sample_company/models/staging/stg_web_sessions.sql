with source as (

    select * from {{ source('raw', 'sessions') }}

),

final as (

    select
        cast(session_date as date) as session_date,
        cast(channel as varchar) as channel,
        cast(country as varchar) as country,
        cast(sessions as bigint) as sessions,
        cast(engaged_sessions as bigint) as engaged_sessions,
        cast(page_views as bigint) as page_views,
        cast(conversions as bigint) as conversions,
        _loaded_at
    from source

)

select * from final
