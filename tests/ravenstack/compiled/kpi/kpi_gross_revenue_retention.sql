-- Gross revenue retention (gross_revenue_retention).
-- Written by `kpi compile`; change the definition, not this file.
WITH account_periods AS (
  SELECT freq, span, period_start, segment, member, kept_mrr_monthly, opening_accounts_monthly, opening_mrr_monthly
  FROM {{ ref('rollup_account_periods') }}
  WHERE freq IN ('M') AND span = 'period' AND segment IN ('_T')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(kept_mrr_monthly AS DOUBLE) / CAST(NULLIF(opening_mrr_monthly, 0) AS DOUBLE) AS obs_value,
    CAST(kept_mrr_monthly AS DOUBLE) AS numerator,
    CAST(opening_mrr_monthly AS DOUBLE) AS denominator,
    CAST(COALESCE(opening_accounts_monthly, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM account_periods
  WHERE NOT kept_mrr_monthly IS NULL OR NOT opening_accounts_monthly IS NULL OR NOT opening_mrr_monthly IS NULL
)
SELECT
  'gross_revenue_retention' AS kpi_id,
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
  'f528a8ded846cb09' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
