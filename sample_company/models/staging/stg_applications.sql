with source as (

    select * from {{ source('raw', 'applications') }}

),

final as (

    select
        cast(application_no as varchar) as application_id,
        cast(req_no as varchar) as requisition_id,
        cast(received_on as date) as applied_date,
        cast(offer_accepted_on as date) as offer_accepted_date
    from source

)

select * from final
