select * from {{ source('given', 'fct_openings') }}
