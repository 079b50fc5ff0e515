with source as (

    select * from {{ source('raw', 'ideas') }}

),

final as (

    select
        cast(idea_no as varchar) as idea_id,
        cast(accepted_on as date) as accepted_date,
        cast(launched_on as date) as launch_date,
        cast(submitted_by as varchar) as idea_source
    from source

)

select * from final
