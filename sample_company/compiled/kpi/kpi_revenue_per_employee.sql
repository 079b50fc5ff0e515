-- Revenue per employee (revenue_per_employee).
-- Written by `kpi compile`; change the definition, not this file.
WITH employee_days AS (
  SELECT freq, span, period_start, segment, member, employee_days, employees_in_period, staffed_days
  FROM {{ ref('rollup_employee_days') }}
  WHERE (freq IN ('M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T')
), order_lines AS (
  SELECT freq, span, period_start, segment, member, net_revenue
  FROM {{ ref('rollup_order_lines') }}
  WHERE (freq IN ('M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(net_revenue AS DOUBLE) / CAST(NULLIF(CAST(employee_days AS DOUBLE) / CAST(NULLIF(staffed_days, 0) AS DOUBLE), 0) AS DOUBLE) AS obs_value,
    CAST(net_revenue AS DOUBLE) AS numerator,
    CAST(employee_days AS DOUBLE) / CAST(NULLIF(staffed_days, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(employee_days, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(COALESCE(employees_in_period, 0) AS BIGINT) AS n_persons_denominator
  FROM employee_days
  FULL OUTER JOIN order_lines USING (freq, span, period_start, segment, member)
  WHERE NOT employee_days IS NULL OR NOT employees_in_period IS NULL OR NOT net_revenue IS NULL OR NOT staffed_days IS NULL
)
SELECT
  'revenue_per_employee' AS kpi_id,
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
  '7303d09b01ef7ce4' AS definition_hash,
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
