with probes as (

    select * from {{ ref('stg_service_probes') }}

),

final as (

    select
        service || '|' || interval_start as probe_interval_id,
        service,
        probe_date,
        valid_probes,
        good_probes,
        _loaded_at
    from probes

)

select * from final
