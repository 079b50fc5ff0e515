-- Every leaf of lead_to_customer_rate_cohorts, for lead_to_customer_rate.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_lead_to_customer_rate_cohorts_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(lead_to_customer_rate__conversions) AS lead_to_customer_rate__conversions
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
)
SELECT * FROM rolled_up
