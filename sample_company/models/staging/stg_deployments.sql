with source as (

    select * from {{ source('raw', 'deployments') }}
    where environment = 'production'

),

final as (

    select
        cast(id as varchar) as deployment_id,
        cast(service as varchar) as service,
        cast(finished_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as deployed_date,
        rolled_back_at is not null as is_failed,
        _loaded_at
    from source

)

select * from final
