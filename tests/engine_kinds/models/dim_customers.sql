select * from {{ source('given', 'dim_customers') }}
