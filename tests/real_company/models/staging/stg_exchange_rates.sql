-- Every amount is in pounds, but for pay (stg_employees).
{{ not_supplied() }}
