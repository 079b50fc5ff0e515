-- Customer acquisition cost (cac). Written by `kpi compile`; change the definition, not this file.
WITH ad_performance AS (
  SELECT
    CASE
      WHEN GROUPING(DATE_TRUNC('MONTH', ad_date)) = 0
      THEN 'M'
      WHEN GROUPING(DATE_TRUNC('QUARTER', ad_date)) = 0
      THEN 'Q'
      WHEN GROUPING(DATE_TRUNC('YEAR', ad_date)) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(
      DATE_TRUNC('MONTH', ad_date),
      DATE_TRUNC('QUARTER', ad_date),
      DATE_TRUNC('YEAR', ad_date)
    ) AS DATE) AS period_start,
    '_T' AS segment,
    '_T' AS member,
    SUM(cost) AS ad_cost
  FROM {{ ref('fct_ad_performance') }} AS ad_performance
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('MONTH', ad_date)
      ),
      (
        DATE_TRUNC('QUARTER', ad_date)
      ),
      (
        DATE_TRUNC('YEAR', ad_date)
      )
    )
  HAVING
    NOT period_start IS NULL
), customers AS (
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
    '_T' AS segment,
    '_T' AS member,
    SUM(__new_customers) AS new_customers
  FROM (
    SELECT
      DATE_TRUNC('MONTH', first_order_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', first_order_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', first_order_date) AS metric_time__year,
      CASE WHEN NOT customer_id IS NULL THEN 1 ELSE 0 END AS __new_customers
    FROM {{ ref('dim_customers') }} AS customers
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__month
      ),
      (
        metric_time__quarter
      ),
      (
        metric_time__year
      )
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'cac' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  COALESCE(ad_cost, 0) / NULLIF(new_customers, 0) AS obs_value,
  CAST(COALESCE(ad_cost, 0) AS DOUBLE) AS numerator,
  CAST(NULLIF(new_customers, 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(new_customers, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'f2162d8b66632d9e' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM ad_performance
  FULL OUTER JOIN customers
    USING (freq, period_start, segment, member)
) AS leaves
