-- Lost time injury frequency rate (ltifr).
-- Written by `kpi compile`; change the definition, not this file.
WITH injuries AS (
  SELECT freq, span, period_start, segment, member, employees_losing_time, lost_time_injuries
  FROM {{ ref('rollup_injuries') }}
  WHERE (freq IN ('A') OR span <> 'period') AND segment IN ('_T')
), hours_worked AS (
  SELECT freq, span, period_start, segment, member, employees_working, million_hours_worked, months_worked
  FROM {{ ref('rollup_hours_worked') }}
  WHERE (freq IN ('A') OR span <> 'period') AND segment IN ('_T')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(lost_time_injuries, 0) / NULLIF(million_hours_worked, 0) AS obs_value,
    CAST(COALESCE(lost_time_injuries, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(million_hours_worked, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(months_worked, 0) AS BIGINT) AS n_obs,
    CAST(COALESCE(employees_losing_time, 0) AS BIGINT) AS n_persons_numerator,
    CAST(COALESCE(employees_working, 0) AS BIGINT) AS n_persons_denominator
  FROM injuries
  FULL OUTER JOIN hours_worked USING (freq, span, period_start, segment, member)
  WHERE NOT employees_losing_time IS NULL OR NOT employees_working IS NULL OR NOT lost_time_injuries IS NULL OR NOT million_hours_worked IS NULL OR NOT months_worked IS NULL
)
SELECT
  'ltifr' AS kpi_id,
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
  '18750c6c8dc6a8d9' AS definition_hash,
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
