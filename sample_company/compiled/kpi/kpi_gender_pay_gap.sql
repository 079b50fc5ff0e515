-- Gender pay gap (unadjusted) (gender_pay_gap).
-- Written by `kpi compile`; change the definition, not this file.
WITH employee_days AS (
  SELECT freq, span, period_start, segment, member, headcount, highest_hourly_pay_men, highest_hourly_pay_women, hourly_pay_men, hourly_pay_women, men, women
  FROM {{ ref('rollup_employee_days') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'country', 'department')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST((CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE)) - (CAST(hourly_pay_women AS DOUBLE) / CAST(NULLIF(women, 0) AS DOUBLE)) AS DOUBLE) / CAST(NULLIF(CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE), 0) AS DOUBLE) AS obs_value,
    CAST((CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE)) - (CAST(hourly_pay_women AS DOUBLE) / CAST(NULLIF(women, 0) AS DOUBLE)) AS DOUBLE) AS numerator,
    CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(headcount, 0) AS BIGINT) AS n_obs,
    CAST(COALESCE(CASE WHEN 2 * (CAST(highest_hourly_pay_women AS DOUBLE) / CAST(NULLIF(hourly_pay_women, 0) AS DOUBLE)) > 0.85 THEN 2 ELSE women END, 0) AS BIGINT) AS n_persons_numerator,
    CAST(COALESCE(CASE WHEN 2 * (CAST(highest_hourly_pay_men AS DOUBLE) / CAST(NULLIF(hourly_pay_men, 0) AS DOUBLE)) > 0.85 THEN 2 ELSE men END, 0) AS BIGINT) AS n_persons_denominator
  FROM employee_days
  WHERE NOT headcount IS NULL OR NOT highest_hourly_pay_men IS NULL OR NOT highest_hourly_pay_women IS NULL OR NOT hourly_pay_men IS NULL OR NOT hourly_pay_women IS NULL OR NOT men IS NULL OR NOT women IS NULL
)
SELECT
  'gender_pay_gap' AS kpi_id,
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
  'd7ffdde46db8f4d4' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
