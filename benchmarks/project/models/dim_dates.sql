select * from {{ source('given', 'dates') }}
