with source as (

    select * from {{ source('raw', 'leads') }}

),

final as (

    select
        cast(lead_id as varchar) as lead_id,
        cast(email as varchar) as person_id,
        cast(created_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as lead_date,
        cast(channel as varchar) as channel,
        cast(utm_source as varchar) as platform,
        cast(utm_campaign as varchar) as campaign,
        cast(country as varchar) as country,
        status = 'qualified' as is_qualified,
        _loaded_at
    from source

)

select * from final
