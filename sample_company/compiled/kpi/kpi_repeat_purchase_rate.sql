-- Repeat purchase rate (repeat_purchase_rate).
-- Written by `kpi compile`; change the definition, not this file.
WITH orders AS (
  SELECT freq, span, period_start, segment, member, buyers, repeat_buyers
  FROM {{ ref('rollup_orders') }}
  WHERE freq IN ('W', 'M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'channel', 'country')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(repeat_buyers, 0) / NULLIF(buyers, 0) AS obs_value,
    CAST(COALESCE(repeat_buyers, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(buyers, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(buyers, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM orders
  WHERE NOT buyers IS NULL OR NOT repeat_buyers IS NULL
)
SELECT
  'repeat_purchase_rate' AS kpi_id,
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
  'f9a0edf3bdb82a84' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
