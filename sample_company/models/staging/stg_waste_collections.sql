with source as (

    select * from {{ source('raw', 'waste_weights') }}

),

final as (

    select
        cast(slip_no as varchar) as collection_id,
        cast(collected_on as date) as collected_date,
        cast(site as varchar) as site,
        cast(fraction as varchar) as waste_type,
        case method
            when 'R5' then 'recycling'
            when 'R3' then 'recycling'
            when 'R1' then 'incineration'
            when 'D1' then 'landfill'
            else 'other'
        end as treatment,
        hazardous as is_hazardous,
        cast(weight_kg as decimal(18, 3)) as weight_kg
    from source

)

select * from final
