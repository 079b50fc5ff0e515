select * from {{ source('given', 'dim_dates') }}
