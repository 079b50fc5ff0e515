with source as (

    select * from {{ source('raw', 'emission_factors') }}

),

final as (

    select
        cast(activity as varchar) as activity_type,
        make_date(cast(factor_year as integer), 1, 1) as valid_from,
        make_date(cast(factor_year as integer) + 1, 1, 1) as valid_to,
        cast(kg_co2e_location as decimal(18, 8)) as kg_co2e_location,
        cast(kg_co2e_market as decimal(18, 8)) as kg_co2e_market,
        cast(factor_set as varchar) as factor_set,
        cast(published_by as varchar) as source
    from source

)

select * from final
