-- Every leaf of leads, for cpl, lead_to_customer_rate.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_leads_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(leads) AS leads,
    SUM(qualified_leads) AS qualified_leads
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
)
SELECT * FROM rolled_up
