-- On-time delivery (on_time_delivery). Written by `kpi compile`; change the definition, not this file.
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
    CASE
      WHEN GROUPING(country) = 0
      THEN 'country'
      WHEN GROUPING(channel) = 0
      THEN 'channel'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(__orders_delivered) AS orders_delivered,
    SUM(__orders_on_time) AS orders_on_time
  FROM (
    SELECT
      DATE_TRUNC('WEEK', delivered_date) AS metric_time__week,
      DATE_TRUNC('MONTH', delivered_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', delivered_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', delivered_date) AS metric_time__year,
      country,
      channel,
      CASE WHEN NOT is_on_time IS NULL THEN 1 ELSE 0 END AS __orders_delivered,
      CASE WHEN is_on_time THEN 1 ELSE 0 END AS __orders_on_time
    FROM {{ ref('fct_orders') }} AS orders
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, country),
      (metric_time__week, channel),
      (
        metric_time__month
      ),
      (metric_time__month, country),
      (metric_time__month, channel),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, country),
      (metric_time__quarter, channel),
      (
        metric_time__year
      ),
      (metric_time__year, country),
      (metric_time__year, channel)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'on_time_delivery' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(orders_on_time AS DOUBLE) / CAST(NULLIF(orders_delivered, 0) AS DOUBLE) AS obs_value,
  CAST(orders_on_time AS DOUBLE) AS numerator,
  CAST(orders_delivered AS DOUBLE) AS denominator,
  CAST(COALESCE(orders_delivered, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '86957599a891eefb' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM orders
