select * from {{ source('given', 'fct_budgets') }}
