-- Average order value (average_order_value). Written by `kpi compile`; change the definition, not this file.
WITH orders AS (
  SELECT
    CASE
      WHEN GROUPING(metric_time__week) = 0
      THEN 'W'
      WHEN GROUPING(metric_time__month) = 0
      THEN 'M'
      WHEN GROUPING(metric_time__quarter) = 0
      THEN 'Q'
      WHEN GROUPING(metric_time__year) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(metric_time__week, metric_time__month, metric_time__quarter, metric_time__year) AS DATE) AS period_start,
    CASE WHEN GROUPING(country) = 0 THEN 'country' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(__order_amount) AS order_amount,
    SUM(__orders_placed) AS orders_placed
  FROM (
    SELECT
      DATE_TRUNC('WEEK', order_date) AS metric_time__week,
      DATE_TRUNC('MONTH', order_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', order_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', order_date) AS metric_time__year,
      country,
      CASE WHEN NOT order_id IS NULL THEN 1 ELSE 0 END AS __orders_placed,
      gross_amount AS __order_amount
    FROM {{ ref('fct_orders') }} AS orders
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, country),
      (
        metric_time__month
      ),
      (metric_time__month, country),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, country),
      (
        metric_time__year
      ),
      (metric_time__year, country)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'average_order_value' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(order_amount AS DOUBLE) / CAST(NULLIF(orders_placed, 0) AS DOUBLE) AS obs_value,
  CAST(order_amount AS DOUBLE) AS numerator,
  CAST(orders_placed AS DOUBLE) AS denominator,
  CAST(COALESCE(orders_placed, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'fd0073eb4c5f5bbc' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM orders
