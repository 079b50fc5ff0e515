with source as (

    select * from {{ source('raw', 'sprints') }}

),

final as (

    select
        cast(sprint as varchar) as sprint_id,
        cast(team as varchar) as team,
        cast("First day" as date) as start_date,
        cast("Last day" as date) as end_date
    from source

)

select * from final
