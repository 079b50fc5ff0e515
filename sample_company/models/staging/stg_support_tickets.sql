with source as (

    select * from {{ source('raw', 'tickets') }}

),

final as (

    select
        cast(ticket_id as varchar) as ticket_id,
        cast(customer_id as varchar) as customer_id,
        cast(opened_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as opened_date,
        cast(closed_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as closed_date,
        cast(country as varchar) as country,
        cast(channel as varchar) as channel,
        cast(survey_answered_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as survey_date,
        cast(survey_score as integer) as csat_score,
        _loaded_at
    from source

)

select * from final
