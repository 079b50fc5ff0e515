with items as (

    select * from {{ ref('stg_work_items') }}

),

sprints as (

    select * from {{ ref('stg_sprints') }}

),

final as (

    select
        items.sprint_id || '|' || items.item_id || '|' || items.snapshot_date as work_item_day_id,
        items.snapshot_date,
        sprints.team,
        cast(case when items.is_done then 0 else items.points end as decimal(18, 2)) as open_points,
        items._loaded_at
    from items
    inner join sprints
        on
            items.sprint_id = sprints.sprint_id
            and items.snapshot_date between sprints.start_date and sprints.end_date

)

select * from final
