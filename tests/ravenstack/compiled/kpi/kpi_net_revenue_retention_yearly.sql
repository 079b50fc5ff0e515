-- Net revenue retention, yearly (net_revenue_retention_yearly).
-- Written by `kpi compile`; change the definition, not this file.
WITH account_periods AS (
  SELECT freq, span, period_start, segment, member, closing_mrr_yearly, opening_accounts_yearly, opening_mrr_yearly
  FROM {{ ref('rollup_account_periods') }}
  WHERE freq IN ('A') AND span = 'period' AND segment IN ('_T')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(closing_mrr_yearly AS DOUBLE) / CAST(NULLIF(opening_mrr_yearly, 0) AS DOUBLE) AS obs_value,
    CAST(closing_mrr_yearly AS DOUBLE) AS numerator,
    CAST(opening_mrr_yearly AS DOUBLE) AS denominator,
    CAST(COALESCE(opening_accounts_yearly, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM account_periods
  WHERE NOT closing_mrr_yearly IS NULL OR NOT opening_accounts_yearly IS NULL OR NOT opening_mrr_yearly IS NULL
)
SELECT
  'net_revenue_retention_yearly' AS kpi_id,
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
  '37c60bf175f4e5bc' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
