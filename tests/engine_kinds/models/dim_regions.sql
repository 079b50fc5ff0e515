select * from {{ source('given', 'dim_regions') }}
