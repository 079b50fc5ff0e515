select * from {{ source('given', 'dim_customer_plans') }}
