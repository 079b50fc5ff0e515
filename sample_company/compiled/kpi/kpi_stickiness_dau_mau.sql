-- Stickiness (DAU/MAU) (stickiness_dau_mau).
-- Written by `kpi compile`; change the definition, not this file.
WITH product_days AS (
  SELECT freq, span, period_start, segment, member, product_calendar_days, product_user_days, product_users
  FROM {{ ref('rollup_product_days') }}
  WHERE freq IN ('M') AND span = 'period' AND segment IN ('_T', 'country', 'platform')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(CAST(product_user_days AS DOUBLE) / CAST(NULLIF(product_calendar_days, 0) AS DOUBLE) AS DOUBLE) / CAST(NULLIF(product_users, 0) AS DOUBLE) AS obs_value,
    CAST(product_user_days AS DOUBLE) / CAST(NULLIF(product_calendar_days, 0) AS DOUBLE) AS numerator,
    CAST(product_users AS DOUBLE) AS denominator,
    CAST(COALESCE(product_users, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM product_days
  WHERE NOT product_calendar_days IS NULL OR NOT product_user_days IS NULL OR NOT product_users IS NULL
)
SELECT
  'stickiness_dau_mau' AS kpi_id,
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
  '3a449f09bc226433' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
