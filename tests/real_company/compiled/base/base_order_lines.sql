-- Every leaf of order_lines, for net_revenue, return_rate, revenue_growth_yoy.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_order_lines_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(gross_revenue) AS gross_revenue,
    SUM(net_revenue) AS net_revenue,
    SUM(order_lines) AS order_lines,
    SUM(returned_amount) AS returned_amount,
    SUM(sale_lines) AS sale_lines
  FROM days
  INNER JOIN period_days USING (day)
  GROUP BY freq, span, period_start, segment, member
)
SELECT * FROM rolled_up
