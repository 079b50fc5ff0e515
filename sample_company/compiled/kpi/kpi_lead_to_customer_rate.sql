-- Lead-to-customer rate (lead_to_customer_rate).
-- Written by `kpi compile`; change the definition, not this file.
WITH lead_to_customer_rate_cohorts AS (
  SELECT freq, span, period_start, segment, member, lead_to_customer_rate__conversions
  FROM {{ ref('rollup_lead_to_customer_rate_cohorts') }}
  WHERE (freq IN ('M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T', 'channel', 'country')
), leads AS (
  SELECT freq, span, period_start, segment, member, leads
  FROM {{ ref('rollup_leads') }}
  WHERE (freq IN ('M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T', 'channel', 'country')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(lead_to_customer_rate__conversions AS DOUBLE) / CAST(NULLIF(leads, 0) AS DOUBLE) AS obs_value,
    CAST(lead_to_customer_rate__conversions AS DOUBLE) AS numerator,
    CAST(leads AS DOUBLE) AS denominator,
    CAST(COALESCE(leads, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM lead_to_customer_rate_cohorts
  FULL OUTER JOIN leads USING (freq, span, period_start, segment, member)
  WHERE NOT lead_to_customer_rate__conversions IS NULL OR NOT leads IS NULL
)
SELECT
  'lead_to_customer_rate' AS kpi_id,
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
  year_to_date.obs_value AS year_to_date,
  rolling_12_months.obs_value AS rolling_12_months,
  '02f0997546bd171c' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
LEFT JOIN computed AS year_to_date
  ON year_to_date.span = 'year_to_date'
  AND year_to_date.period_start = CASE period.freq
    WHEN 'M' THEN period.period_start WHEN 'Q' THEN period.period_start + INTERVAL 2 MONTH
  END
  AND year_to_date.segment = period.segment AND year_to_date.member = period.member
LEFT JOIN computed AS rolling_12_months
  ON rolling_12_months.span = 'rolling_12_months'
  AND rolling_12_months.period_start = CASE period.freq
    WHEN 'M' THEN period.period_start WHEN 'Q' THEN period.period_start + INTERVAL 2 MONTH
  END
  AND rolling_12_months.segment = period.segment AND rolling_12_months.member = period.member
WHERE period.span = 'period'
