select * from {{ source('given', 'dim_hours') }}
