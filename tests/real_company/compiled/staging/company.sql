-- The company's own facts, one row. Written by `kpi compile`.
select
    'GBP' as reporting_currency,
    'Europe/London' as time_zone
