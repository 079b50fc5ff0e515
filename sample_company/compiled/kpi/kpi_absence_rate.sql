-- Absence rate (absence_rate).
-- Written by `kpi compile`; change the definition, not this file.
WITH absence_days AS (
  SELECT freq, span, period_start, segment, member, absence_days, absent_employees
  FROM {{ ref('rollup_absence_days') }}
  WHERE (freq IN ('W', 'M', 'Q', 'A', 'S') OR span <> 'period') AND segment IN ('_T', 'country', 'department')
), employee_days AS (
  SELECT freq, span, period_start, segment, member, contracted_days, employees_in_period
  FROM {{ ref('rollup_employee_days') }}
  WHERE (freq IN ('W', 'M', 'Q', 'A', 'S') OR span <> 'period') AND segment IN ('_T', 'country', 'department')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(absence_days, 0) / NULLIF(contracted_days, 0) AS obs_value,
    CAST(COALESCE(absence_days, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(contracted_days, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(contracted_days, 0) AS BIGINT) AS n_obs,
    CAST(COALESCE(absent_employees, 0) AS BIGINT) AS n_persons_numerator,
    CAST(COALESCE(employees_in_period, 0) AS BIGINT) AS n_persons_denominator
  FROM absence_days
  FULL OUTER JOIN employee_days USING (freq, span, period_start, segment, member)
  WHERE NOT absence_days IS NULL OR NOT absent_employees IS NULL OR NOT contracted_days IS NULL OR NOT employees_in_period IS NULL
)
SELECT
  'absence_rate' AS kpi_id,
  period.freq,
  COALESCE({{ time_period('period.freq', 'period.period_start') }}, CAST(period.period_start AS STRING)) AS time_period,
  period.period_start,
  COALESCE({{ period_end('period.freq', 'period.period_start') }}, {{ part_of_week_end('period.period_start') }}) AS period_end,
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
  'ed0732437cf4fd3e' AS definition_hash,
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
