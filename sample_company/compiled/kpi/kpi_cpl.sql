-- Cost per lead (cpl). Written by `kpi compile`; change the definition, not this file.
WITH ad_performance AS (
  SELECT
    CASE
      WHEN GROUPING(DATE_TRUNC('WEEK', ad_date)) = 0
      THEN 'W'
      WHEN GROUPING(DATE_TRUNC('MONTH', ad_date)) = 0
      THEN 'M'
      WHEN GROUPING(DATE_TRUNC('QUARTER', ad_date)) = 0
      THEN 'Q'
      WHEN GROUPING(DATE_TRUNC('YEAR', ad_date)) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(
      DATE_TRUNC('WEEK', ad_date),
      DATE_TRUNC('MONTH', ad_date),
      DATE_TRUNC('QUARTER', ad_date),
      DATE_TRUNC('YEAR', ad_date)
    ) AS DATE) AS period_start,
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
    SUM(cost) AS ad_cost
  FROM {{ ref('fct_ad_performance') }} AS ad_performance
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('WEEK', ad_date)
      ),
      (DATE_TRUNC('WEEK', ad_date), country),
      (DATE_TRUNC('WEEK', ad_date), channel),
      (
        DATE_TRUNC('MONTH', ad_date)
      ),
      (DATE_TRUNC('MONTH', ad_date), country),
      (DATE_TRUNC('MONTH', ad_date), channel),
      (
        DATE_TRUNC('QUARTER', ad_date)
      ),
      (DATE_TRUNC('QUARTER', ad_date), country),
      (DATE_TRUNC('QUARTER', ad_date), channel),
      (
        DATE_TRUNC('YEAR', ad_date)
      ),
      (DATE_TRUNC('YEAR', ad_date), country),
      (DATE_TRUNC('YEAR', ad_date), channel)
    )
  HAVING
    NOT period_start IS NULL
), leads AS (
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
    SUM(__qualified_leads) AS qualified_leads
  FROM (
    SELECT
      DATE_TRUNC('WEEK', lead_date) AS metric_time__week,
      DATE_TRUNC('MONTH', lead_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', lead_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', lead_date) AS metric_time__year,
      channel,
      country,
      CASE WHEN is_qualified THEN 1 ELSE 0 END AS __qualified_leads
    FROM {{ ref('fct_leads') }} AS leads
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
  'cpl' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  COALESCE(ad_cost, 0) / NULLIF(qualified_leads, 0) AS obs_value,
  CAST(COALESCE(ad_cost, 0) AS DOUBLE) AS numerator,
  CAST(NULLIF(qualified_leads, 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(qualified_leads, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'e6140c118b63441b' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM ad_performance
  FULL OUTER JOIN leads
    USING (freq, period_start, segment, member)
) AS leaves
