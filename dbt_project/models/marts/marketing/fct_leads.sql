with leads as (

    select * from {{ ref('stg_leads') }}

),

campaigns as (

    select * from {{ ref('stg_campaigns') }}

),

final as (

    select
        leads.lead_id,
        leads.person_id,
        leads.lead_date,
        leads.channel,
        leads.platform,
        leads.campaign,
        campaigns.audience,
        campaigns.message,
        leads.country,
        leads.is_qualified,
        leads._loaded_at
    from leads
    left join campaigns
        on
            leads.platform = campaigns.platform
            and leads.campaign = campaigns.campaign
            and leads.lead_date >= campaigns.valid_from
            and leads.lead_date < coalesce(campaigns.valid_to, date '9999-12-31')

)

select * from final
