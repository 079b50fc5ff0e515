-- Headcount (headcount).
-- Written by `kpi compile`; change the definition, not this file.
WITH employee_days AS (
  SELECT freq, span, period_start, segment, member, headcount
  FROM {{ ref('rollup_employee_days') }}
  WHERE freq IN ('W', 'M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'country', 'department')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(headcount AS DOUBLE) AS obs_value,
    CAST(headcount AS DOUBLE) AS numerator,
    CAST(NULL AS DOUBLE) AS denominator,
    CAST(COALESCE(headcount, 0) AS BIGINT) AS n_obs,
    CAST(COALESCE(headcount, 0) AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM employee_days
  WHERE NOT headcount IS NULL
)
SELECT
  'headcount' AS kpi_id,
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
  'f36c3677f5f0d1a7' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
