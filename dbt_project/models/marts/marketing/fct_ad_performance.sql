with ads as (

    select * from {{ ref('stg_ad_performance') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

rates as (

    select * from {{ ref('dim_exchange_rates') }}

),

company as (

    select * from {{ ref('company') }}

),

final as (

    select
        ads.platform || '|' || ads.campaign || '|' || ads.country || '|' || ads.ad_date as ad_day_id,
        ads.platform,
        ads.campaign,
        ads.channel,
        campaigns.audience,
        campaigns.message,
        ads.country,
        ads.ad_date,
        ads.impressions,
        ads.clicks,
        ads.conversions,
        {{ to_reporting_currency('ads.cost', 'ads.currency', 'rates.rate') }} as cost,
        {{ to_reporting_currency('ads.conversion_value', 'ads.currency', 'rates.rate') }} as conversion_value
    from ads
    cross join company
    left join campaigns
        on
            ads.platform = campaigns.platform
            and ads.campaign = campaigns.campaign
            and ads.ad_date >= campaigns.valid_from
            and ads.ad_date < coalesce(campaigns.valid_to, date '9999-12-31')
    left join rates on ads.currency = rates.currency and ads.ad_date = rates.rate_date

)

select * from final
