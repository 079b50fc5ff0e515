with source as (

    select * from {{ source('raw', 'board') }}

),

final as (

    select
        cast(item as varchar) as item_id,
        cast(sprint as varchar) as sprint_id,
        cast(snapshot_day as date) as snapshot_date,
        cast(points as decimal(18, 2)) as points,
        status = 'Done' as is_done,
        _loaded_at
    from source

)

select * from final
