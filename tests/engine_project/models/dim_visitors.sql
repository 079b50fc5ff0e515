select * from {{ source('given', 'visitors') }}
