with source as (

    select * from {{ source('raw', 'daily_visitors') }}

),

final as (

    -- A unique visit is one address's hits until it makes none for some hours: the nearest thing to a session that the
    -- counter has. Nothing is sold on the site, so conversions aren't known.
    select
        "Date" as session_date,
        cast(null as varchar) as channel,
        cast(null as varchar) as country,
        cast("Unique.Visits" as bigint) as sessions,
        cast(null as bigint) as engaged_sessions,
        cast("Page.Loads" as bigint) as page_views,
        cast(null as bigint) as conversions,
        _loaded_at
    from source

)

select * from final
