-- New customers (new_customers). Written by `kpi compile`; change the definition, not this file.
WITH customers AS (
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
    SUM(__new_customers) AS new_customers
  FROM (
    SELECT
      DATE_TRUNC('WEEK', first_order_date) AS metric_time__week,
      DATE_TRUNC('MONTH', first_order_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', first_order_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', first_order_date) AS metric_time__year,
      country,
      channel,
      CASE WHEN NOT customer_id IS NULL THEN 1 ELSE 0 END AS __new_customers
    FROM {{ ref('dim_customers') }} AS customers
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
  'new_customers' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(new_customers AS DOUBLE) AS obs_value,
  CAST(new_customers AS DOUBLE) AS numerator,
  CAST(NULL AS DOUBLE) AS denominator,
  CAST(COALESCE(new_customers, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'df558957c46c0fde' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM customers
