with collections as (

    select * from {{ ref('stg_waste_collections') }}

),

final as (

    select
        collection_id,
        collected_date,
        site,
        waste_type,
        treatment,
        is_hazardous,
        cast(weight_kg / 1000 as decimal(18, 6)) as weight_tonnes
    from collections

)

select * from final
