-- What counts is how an item stood in the first and in the last snapshot of its sprint, whatever became of it later.
with items as (

    select * from {{ ref('stg_work_items') }}

),

sprints as (

    select * from {{ ref('stg_sprints') }}
    where end_date < {{ today() }}

),

snapshots as (

    select
        sprints.sprint_id,
        sprints.team,
        sprints.end_date,
        items.item_id,
        items.snapshot_date,
        items.points,
        items.is_done,
        items.snapshot_date = min(items.snapshot_date) over (partition by sprints.sprint_id) as is_first,
        items.snapshot_date = max(items.snapshot_date) over (partition by sprints.sprint_id) as is_last
    from items
    inner join sprints
        on
            items.sprint_id = sprints.sprint_id
            and items.snapshot_date between sprints.start_date and sprints.end_date

),

final as (

    select
        sprint_id || '|' || item_id as sprint_item_id,
        sprint_id,
        team,
        end_date,
        cast(sum(points) filter (where is_first) as decimal(18, 2)) as committed_points,
        cast(sum(points) filter (where is_last and is_done) as decimal(18, 2)) as done_points,
        coalesce(bool_or(is_last and is_done), false) as is_done
    from snapshots
    group by sprint_id, team, end_date, item_id

)

select * from final
