select * from {{ source('given', 'fct_orders') }}
