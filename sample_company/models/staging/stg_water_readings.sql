with source as (

    select * from {{ source('raw', 'water') }}

),

final as (

    select
        cast("Site" as varchar) as site,
        cast("Month" as date) as reading_month,
        cast("Intake m3" as decimal(18, 3)) as withdrawal_m3,
        cast("Sewage m3" as decimal(18, 3)) as discharge_m3
    from source

)

select * from final
