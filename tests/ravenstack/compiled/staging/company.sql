-- The company's own facts, one row. Written by `kpi compile`.
select
    'USD' as reporting_currency,
    'America/New_York' as time_zone
