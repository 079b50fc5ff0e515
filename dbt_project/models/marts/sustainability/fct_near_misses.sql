with near_misses as (

    select * from {{ ref('stg_near_misses') }}

),

final as (

    select
        near_miss_id,
        reported_date,
        site,
        hazard
    from near_misses

)

select * from final
