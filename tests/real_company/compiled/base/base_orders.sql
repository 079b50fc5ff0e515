-- Every leaf of orders, for average_order_value, repeat_purchase_rate.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_orders_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(order_amount) AS order_amount,
    SUM(orders_placed) AS orders_placed
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
), recounted AS (
  SELECT freq, span, period_start, segment, member, buyers, repeat_buyers
  FROM {{ ref('base_orders_recounted') }}
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN recounted USING (freq, span, period_start, segment, member)
