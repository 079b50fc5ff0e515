with applications as (

    select * from {{ ref('stg_applications') }}

),

requisitions as (

    select * from {{ ref('stg_requisitions') }}

),

final as (

    select
        applications.application_id,
        applications.requisition_id,
        applications.offer_accepted_date as hire_date,
        requisitions.department,
        requisitions.country,
        date_diff('day', applications.applied_date, applications.offer_accepted_date) as days_to_hire,
        date_diff('day', requisitions.opened_date, applications.offer_accepted_date) as days_to_fill
    from applications
    left join requisitions on applications.requisition_id = requisitions.requisition_id
    where applications.offer_accepted_date is not null

)

select * from final
