with ideas as (

    select * from {{ ref('stg_ideas') }}

),

final as (

    select
        idea_id,
        accepted_date,
        idea_source,
        coalesce(date_diff('day', accepted_date, launch_date) between 0 and 365, false) as is_launched_within_year
    from ideas

)

select * from final
