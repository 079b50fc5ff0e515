with spells as (

    select * from {{ ref('stg_employees') }}

),

final as (

    select
        employee_id || '|' || spell_end as exit_id,
        employee_id,
        spell_end as exit_date,
        department,
        country,
        exit_reason
    from spells
    where exit_reason is not null and spell_end is not null

)

select * from final
