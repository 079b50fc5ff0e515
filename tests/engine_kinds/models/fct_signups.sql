select * from {{ source('given', 'fct_signups') }}
