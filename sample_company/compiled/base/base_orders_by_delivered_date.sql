-- Every leaf of orders_by_delivered_date, for on_time_delivery.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_orders_by_delivered_date_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(orders_delivered) AS orders_delivered,
    SUM(orders_on_time) AS orders_on_time
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
)
SELECT * FROM rolled_up
