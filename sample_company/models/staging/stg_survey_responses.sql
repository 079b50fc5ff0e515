with source as (

    select * from {{ source('raw', 'survey_answers') }}

),

final as (

    select
        cast(response as varchar) as response_id,
        cast(question as varchar) as question,
        cast(customer as varchar) as customer_id,
        cast(submitted_utc at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as answered_date,
        cast(market as varchar) as country,
        cast(score_0_to_10 as integer) as score,
        _loaded_at
    from source

)

select * from final
