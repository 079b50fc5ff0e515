with tickets as (

    select * from {{ source('raw', 'support_tickets') }}

),

accounts as (

    select * from {{ source('raw', 'accounts') }}

),

final as (

    -- The survey comes with the closing; a blank score is no answer, and never a 0.
    select
        tickets.ticket_id,
        tickets.account_id as customer_id,
        tickets.submitted_at as opened_date,
        tickets.closed_at as closed_date,
        accounts.country,
        cast(null as varchar) as channel,
        case when tickets.satisfaction_score is not null then tickets.closed_at end as survey_date,
        cast(tickets.satisfaction_score as integer) as csat_score,
        tickets._loaded_at
    from tickets
    left join accounts on tickets.account_id = accounts.account_id

)

select * from final
