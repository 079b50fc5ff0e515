select * from {{ source('given', 'fct_clicks') }}
