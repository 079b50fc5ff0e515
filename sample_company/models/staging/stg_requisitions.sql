with source as (

    select * from {{ source('raw', 'requisitions') }}

),

final as (

    select
        cast(req_no as varchar) as requisition_id,
        cast(department as varchar) as department,
        cast(country as varchar) as country,
        cast(opened_on as date) as opened_date
    from source

)

select * from final
