-- The company's own facts, one row. Written by `kpi compile`.
select
    'SEK' as reporting_currency,
    'Europe/Stockholm' as time_zone
