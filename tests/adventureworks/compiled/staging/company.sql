-- The company's own facts, one row. Written by `kpi compile`.
select
    'USD' as reporting_currency,
    'America/Los_Angeles' as time_zone
