select * from {{ source('given', 'fct_balances') }}
