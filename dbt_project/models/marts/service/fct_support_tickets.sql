with tickets as (

    select * from {{ ref('stg_support_tickets') }}

),

final as (

    select
        ticket_id,
        opened_date,
        survey_date,
        country,
        channel,
        csat_score,
        csat_score >= 4 as is_satisfied,
        _loaded_at
    from tickets

)

select * from final
