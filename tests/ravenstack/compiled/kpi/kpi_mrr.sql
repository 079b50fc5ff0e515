-- Monthly recurring revenue (mrr).
-- Written by `kpi compile`; change the definition, not this file.
WITH subscription_days AS (
  SELECT freq, span, period_start, segment, member, mrr, paid_subscriptions
  FROM {{ ref('rollup_subscription_days') }}
  WHERE freq IN ('W', 'M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'plan_tier')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(mrr AS DOUBLE) AS obs_value,
    CAST(mrr AS DOUBLE) AS numerator,
    CAST(NULL AS DOUBLE) AS denominator,
    CAST(COALESCE(paid_subscriptions, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM subscription_days
  WHERE NOT mrr IS NULL OR NOT paid_subscriptions IS NULL
)
SELECT
  'mrr' AS kpi_id,
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
  '86d5b962dcab4856' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
