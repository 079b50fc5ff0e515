with sessions as (

    select * from {{ ref('stg_web_sessions') }}

),

final as (

    select
        session_date || '|' || coalesce(channel, '') || '|' || coalesce(country, '') as web_day_id,
        session_date,
        channel,
        country,
        sessions,
        engaged_sessions,
        page_views,
        conversions,
        _loaded_at
    from sessions

)

select * from final
