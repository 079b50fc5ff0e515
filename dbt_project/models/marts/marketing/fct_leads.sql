with leads as (

    select * from {{ ref('stg_leads') }}

),

final as (

    select
        lead_id,
        person_id,
        lead_date,
        channel,
        country,
        is_qualified,
        _loaded_at
    from leads

)

select * from final
