with google as (

    select
        'google' as platform,
        cast(campaign_name as varchar) as campaign,
        'paid_search' as channel,
        cast(country_code as varchar) as country,
        cast(day as date) as ad_date,
        cast(impr as bigint) as impressions,
        cast(clicks as bigint) as clicks,
        cast(cast(cost_micros as decimal(18, 0)) * 0.000001 as decimal(18, 4)) as cost,
        cast(currency as varchar) as currency,
        cast(conversions as decimal(18, 4)) as conversions,
        cast(conv_value as decimal(18, 4)) as conversion_value
    from {{ source('raw', 'google_ads') }}

),

meta as (

    select
        'meta' as platform,
        cast(campaign as varchar) as campaign,
        'paid_social' as channel,
        cast(country as varchar) as country,
        cast(date_start as date) as ad_date,
        cast(impressions as bigint) as impressions,
        cast(link_clicks as bigint) as clicks,
        cast(spend as decimal(18, 4)) as cost,
        cast(account_currency as varchar) as currency,
        cast(results as decimal(18, 4)) as conversions,
        cast(result_value as decimal(18, 4)) as conversion_value
    from {{ source('raw', 'meta_ads') }}

),

linkedin as (

    select
        'linkedin' as platform,
        cast(campaign_group as varchar) as campaign,
        'paid_social' as channel,
        case market
            when 'Sweden' then 'SE'
            when 'Norway' then 'NO'
            when 'Denmark' then 'DK'
            when 'Finland' then 'FI'
            else market
        end as country,
        cast(start_date as date) as ad_date,
        cast(impressions as bigint) as impressions,
        cast(clicks as bigint) as clicks,
        cast(total_spent as decimal(18, 4)) as cost,
        cast(currency_code as varchar) as currency,
        cast(conversions as decimal(18, 4)) as conversions,
        cast(conversion_value as decimal(18, 4)) as conversion_value
    from {{ source('raw', 'linkedin_ads') }}

),

final as (

    select * from google
    union all
    select * from meta
    union all
    select * from linkedin

)

select * from final
