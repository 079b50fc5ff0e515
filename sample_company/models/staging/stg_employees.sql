with source as (

    select * from {{ source('raw', 'employees') }}

),

final as (

    select
        cast(employee_id as varchar) as employee_id,
        cast(valid_from as date) as spell_start,
        cast(valid_to + interval 1 day as date) as spell_end,
        cast(department as varchar) as department,
        cast(country as varchar) as country,
        case sex when 'Female' then 'F' when 'Male' then 'M' when 'Other' then 'X' end as sex,
        cast(monthly_salary / monthly_hours as decimal(18, 4)) as hourly_pay,
        cast(currency as varchar) as currency,
        -- A full month has as many hours as the country's agreements say.
        cast(
            monthly_hours / case country when 'SE' then 165.0 when 'NO' then 162.5 when 'DK' then 160.3 when 'FI' then 162.0 end
            as decimal(9, 4)
        ) as fte,
        case leave_reason
            when 'Resigned' then 'voluntary'
            when 'Retired' then 'retirement'
            when 'Dismissed' then 'dismissal'
            when 'Contract ended' then 'end_of_contract'
            else lower(leave_reason)
        end as exit_reason
    from source

)

select * from final
