-- Product adoption rate (product_adoption_rate).
-- Written by `kpi compile`; change the definition, not this file.
WITH product_days AS (
  SELECT freq, span, period_start, segment, member, product_adopters, product_users
  FROM {{ ref('rollup_product_days') }}
  WHERE freq IN ('W', 'M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'country', 'platform')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(product_adopters, 0) / NULLIF(product_users, 0) AS obs_value,
    CAST(COALESCE(product_adopters, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(product_users, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(product_users, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM product_days
  WHERE NOT product_adopters IS NULL OR NOT product_users IS NULL
)
SELECT
  'product_adoption_rate' AS kpi_id,
  period.freq,
  {{ time_period('period.freq', 'period.period_start') }} AS time_period,
  period.period_start,
  {{ period_end('period.freq', 'period.period_start') }} AS period_end,
  period.segment,
  period.member,
  period.obs_value,
  period.numerator,
  period.denominator,
  period.n_obs,
  period.n_persons_numerator,
  period.n_persons_denominator,
  CAST(NULL AS DOUBLE) AS year_to_date,
  CAST(NULL AS DOUBLE) AS rolling_12_months,
  '81ca687b3f2056e9' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
