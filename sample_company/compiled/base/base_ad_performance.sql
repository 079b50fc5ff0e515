-- Every leaf of ad_performance, for cac, cpl, ctr, roas.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_ad_performance_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(ad_clicks) AS ad_clicks,
    SUM(ad_conversion_value) AS ad_conversion_value,
    SUM(ad_cost) AS ad_cost,
    SUM(ad_impressions) AS ad_impressions
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
)
SELECT * FROM rolled_up
