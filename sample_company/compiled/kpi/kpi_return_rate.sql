-- Return rate (return_rate). Written by `kpi compile`; change the definition, not this file.
WITH order_lines_gross_revenue AS (
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
      WHEN GROUPING(product_category) = 0
      THEN 'product_category'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      WHEN GROUPING(product_category) = 0
      THEN COALESCE(CAST(product_category AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(gross_revenue) AS gross_revenue,
    SUM(sale_lines) AS sale_lines
  FROM (
    SELECT
      DATE_TRUNC('WEEK', line_date) AS metric_time__week,
      DATE_TRUNC('MONTH', line_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', line_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', line_date) AS metric_time__year,
      country,
      channel,
      product_category,
      is_return AS order_line__is_return,
      net_amount AS gross_revenue,
      CASE WHEN NOT order_line_id IS NULL THEN 1 ELSE 0 END AS sale_lines
    FROM {{ ref('fct_order_lines') }} AS order_lines
  ) AS subq_2
  WHERE
    NOT order_line__is_return
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, country),
      (metric_time__week, channel),
      (metric_time__week, product_category),
      (
        metric_time__month
      ),
      (metric_time__month, country),
      (metric_time__month, channel),
      (metric_time__month, product_category),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, country),
      (metric_time__quarter, channel),
      (metric_time__quarter, product_category),
      (
        metric_time__year
      ),
      (metric_time__year, country),
      (metric_time__year, channel),
      (metric_time__year, product_category)
    )
  HAVING
    NOT period_start IS NULL
), order_lines_returned_amount AS (
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
      WHEN GROUPING(product_category) = 0
      THEN 'product_category'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      WHEN GROUPING(product_category) = 0
      THEN COALESCE(CAST(product_category AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(returned_amount) AS returned_amount
  FROM (
    SELECT
      DATE_TRUNC('WEEK', line_date) AS metric_time__week,
      DATE_TRUNC('MONTH', line_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', line_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', line_date) AS metric_time__year,
      country,
      channel,
      product_category,
      is_return AS order_line__is_return,
      -net_amount AS returned_amount
    FROM {{ ref('fct_order_lines') }} AS order_lines
  ) AS subq_2
  WHERE
    order_line__is_return
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, country),
      (metric_time__week, channel),
      (metric_time__week, product_category),
      (
        metric_time__month
      ),
      (metric_time__month, country),
      (metric_time__month, channel),
      (metric_time__month, product_category),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, country),
      (metric_time__quarter, channel),
      (metric_time__quarter, product_category),
      (
        metric_time__year
      ),
      (metric_time__year, country),
      (metric_time__year, channel),
      (metric_time__year, product_category)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'return_rate' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  COALESCE(returned_amount, 0) / NULLIF(gross_revenue, 0) AS obs_value,
  CAST(COALESCE(returned_amount, 0) AS DOUBLE) AS numerator,
  CAST(NULLIF(gross_revenue, 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(sale_lines, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '767eba89eddabf51' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM order_lines_gross_revenue
  FULL OUTER JOIN order_lines_returned_amount
    USING (freq, period_start, segment, member)
) AS leaves
