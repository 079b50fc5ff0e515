with source as (

    select * from {{ source('raw', 'campaigns') }}

),

final as (

    select
        cast(platform as varchar) as platform,
        cast(campaign as varchar) as campaign,
        cast(audience as varchar) as audience,
        cast(message as varchar) as message,
        cast(first_day as date) as valid_from,
        cast(last_day + interval 1 day as date) as valid_to
    from source

)

select * from final
