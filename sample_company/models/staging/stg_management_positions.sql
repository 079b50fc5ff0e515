with source as (

    select * from {{ source('raw', 'org_chart') }}

),

final as (

    select
        cast(employee_id as varchar) as employee_id,
        case "level" when 'L1' then 'top' when 'L2' then 'middle' when 'L3' then 'first_line' end as management_level,
        cast(valid_from as date) as start_date,
        cast(valid_to + interval 1 day as date) as end_date
    from source

)

select * from final
