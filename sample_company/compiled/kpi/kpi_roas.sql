-- Return on ad spend (roas). Written by `kpi compile`; change the definition, not this file.
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
      WHEN GROUPING(platform) = 0
      THEN 'platform'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      WHEN GROUPING(channel) = 0
      THEN COALESCE(CAST(channel AS TEXT), '_U')
      WHEN GROUPING(platform) = 0
      THEN COALESCE(CAST(platform AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(clicks) AS ad_clicks,
    SUM(conversion_value) AS ad_conversion_value,
    SUM(cost) AS ad_cost
  FROM {{ ref('fct_ad_performance') }} AS ad_performance
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('WEEK', ad_date)
      ),
      (DATE_TRUNC('WEEK', ad_date), country),
      (DATE_TRUNC('WEEK', ad_date), channel),
      (DATE_TRUNC('WEEK', ad_date), platform),
      (
        DATE_TRUNC('MONTH', ad_date)
      ),
      (DATE_TRUNC('MONTH', ad_date), country),
      (DATE_TRUNC('MONTH', ad_date), channel),
      (DATE_TRUNC('MONTH', ad_date), platform),
      (
        DATE_TRUNC('QUARTER', ad_date)
      ),
      (DATE_TRUNC('QUARTER', ad_date), country),
      (DATE_TRUNC('QUARTER', ad_date), channel),
      (DATE_TRUNC('QUARTER', ad_date), platform),
      (
        DATE_TRUNC('YEAR', ad_date)
      ),
      (DATE_TRUNC('YEAR', ad_date), country),
      (DATE_TRUNC('YEAR', ad_date), channel),
      (DATE_TRUNC('YEAR', ad_date), platform)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'roas' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(ad_conversion_value AS DOUBLE) / CAST(NULLIF(ad_cost, 0) AS DOUBLE) AS obs_value,
  CAST(ad_conversion_value AS DOUBLE) AS numerator,
  CAST(ad_cost AS DOUBLE) AS denominator,
  CAST(COALESCE(ad_clicks, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '65f30ca4d04b5e64' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM ad_performance
