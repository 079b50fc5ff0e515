with goals as (

    select * from {{ ref('stg_goals') }}

),

final as (

    -- A goal that was never judged, or that was dropped, says nothing about attainment.
    select
        goal_id,
        employee_id,
        due_date,
        team,
        kpi_id as kpi_served,
        weight,
        cast(weight * score as decimal(18, 8)) as weighted_score
    from goals
    where score is not null

)

select * from final
