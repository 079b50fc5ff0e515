with source as (

    select * from {{ source('raw', 'emission_activities') }}

),

final as (

    select
        cast("month" as varchar) || '|' || site || '|' || activity as activity_id,
        cast("month" as date) as activity_month,
        cast(site as varchar) as site,
        replace(scope, 'Scope ', '') as scope,
        cast(activity as varchar) as activity_type,
        cast(quantity as decimal(18, 4)) as quantity
    from source

)

select * from final
