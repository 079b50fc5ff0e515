with source as (

    select * from {{ source('raw', 'goals') }}

),

final as (

    select
        cast(goal_id as varchar) as goal_id,
        cast(owner_id as varchar) as employee_id,
        cast(team as varchar) as team,
        cast(serves as varchar) as kpi_id,
        cast(due_on as date) as due_date,
        cast(weight as decimal(9, 4)) as weight,
        cast(score as decimal(9, 4)) as score
    from source

)

select * from final
