with responses as (

    select * from {{ ref('stg_survey_responses') }}

),

final as (

    -- An answer outside the scale is no valid one.
    select
        response_id,
        answered_date,
        country,
        score,
        case
            when score between 9 and 10 then 100
            when score between 7 and 8 then 0
            when score between 0 and 6 then -100
        end as promoter_points,
        _loaded_at
    from responses
    where question = 'recommend'

)

select * from final
