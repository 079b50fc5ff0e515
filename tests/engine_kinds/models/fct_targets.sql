select * from {{ source('given', 'fct_targets') }}
