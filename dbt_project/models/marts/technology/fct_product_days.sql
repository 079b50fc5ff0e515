with events as (

    select * from {{ ref('stg_product_events') }}

),

users as (

    select
        user_id,
        event_date,
        platform,
        country,
        bool_or(is_core_action) as has_core_action,
        sum(event_count) as event_count
    from events
    group by user_id, event_date, platform, country

),

cuts as (

    select
        platform,
        country,
        min(event_date) as since
    from events
    group by platform, country

),

-- A day without users counts in the mean of days: each platform and country has a row for every day since its first.
days as (

    select
        dates.date_day,
        cuts.platform,
        cuts.country
    from cuts
    inner join {{ ref('dim_dates') }} as dates on dates.date_day >= cuts.since and dates.date_day < {{ today() }}

),

final as (

    select
        user_id || '|' || event_date || '|' || coalesce(platform, '') || '|' || coalesce(country, '') as product_day_id,
        event_date as date_day,
        platform,
        country,
        user_id,
        user_id || '|' || event_date as user_day,
        case when has_core_action then user_id end as adopter_id,
        cast(event_count as bigint) as event_count
    from users
    union all
    select
        '|' || date_day || '|' || coalesce(platform, '') || '|' || coalesce(country, ''),
        date_day,
        platform,
        country,
        null,
        null,
        null,
        0
    from days

)

select * from final
