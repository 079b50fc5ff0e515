-- Repeat purchase rate (repeat_purchase_rate). Written by `kpi compile`; change the definition, not this file.
WITH orders_buyers AS (
  SELECT
    CASE
      WHEN GROUPING(DATE_TRUNC('MONTH', order_date)) = 0
      THEN 'M'
      WHEN GROUPING(DATE_TRUNC('QUARTER', order_date)) = 0
      THEN 'Q'
      WHEN GROUPING(DATE_TRUNC('YEAR', order_date)) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(
      DATE_TRUNC('MONTH', order_date),
      DATE_TRUNC('QUARTER', order_date),
      DATE_TRUNC('YEAR', order_date)
    ) AS DATE) AS period_start,
    CASE WHEN GROUPING(country) = 0 THEN 'country' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    COUNT(DISTINCT customer_id) AS buyers
  FROM {{ ref('fct_orders') }} AS orders
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('MONTH', order_date)
      ),
      (DATE_TRUNC('MONTH', order_date), country),
      (
        DATE_TRUNC('QUARTER', order_date)
      ),
      (DATE_TRUNC('QUARTER', order_date), country),
      (
        DATE_TRUNC('YEAR', order_date)
      ),
      (DATE_TRUNC('YEAR', order_date), country)
    )
  HAVING
    NOT period_start IS NULL
), orders_repeat_buyers AS (
  SELECT
    CASE
      WHEN GROUPING(metric_time__month) = 0
      THEN 'M'
      WHEN GROUPING(metric_time__quarter) = 0
      THEN 'Q'
      WHEN GROUPING(metric_time__year) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(metric_time__month, metric_time__quarter, metric_time__year) AS DATE) AS period_start,
    CASE WHEN GROUPING(country) = 0 THEN 'country' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    COUNT(DISTINCT repeat_buyers) AS repeat_buyers
  FROM (
    SELECT
      DATE_TRUNC('MONTH', order_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', order_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', order_date) AS metric_time__year,
      country,
      is_repeat_order AS order__is_repeat_order,
      customer_id AS repeat_buyers
    FROM {{ ref('fct_orders') }} AS orders
  ) AS subq_2
  WHERE
    order__is_repeat_order
  GROUP BY
    GROUPING SETS (
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
  'repeat_purchase_rate' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  COALESCE(repeat_buyers, 0) / NULLIF(buyers, 0) AS obs_value,
  CAST(COALESCE(repeat_buyers, 0) AS DOUBLE) AS numerator,
  CAST(NULLIF(buyers, 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(buyers, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'b7037f6283a56b41' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM orders_buyers
  FULL OUTER JOIN orders_repeat_buyers
    USING (freq, period_start, segment, member)
) AS leaves
