with source as (

    select * from {{ source('raw', 'near_misses') }}

),

final as (

    select
        cast(report_no as varchar) as near_miss_id,
        cast(reported_on as date) as reported_date,
        cast(site as varchar) as site,
        cast(hazard as varchar) as hazard
    from source

)

select * from final
