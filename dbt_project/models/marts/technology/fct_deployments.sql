with deployments as (

    select * from {{ ref('stg_deployments') }}

),

final as (

    select
        deployment_id,
        service,
        deployed_date,
        coalesce(is_failed, false) as is_failed,
        _loaded_at
    from deployments

)

select * from final
