-- Women in management (women_in_management).
-- Written by `kpi compile`; change the definition, not this file.
WITH manager_days AS (
  SELECT freq, span, period_start, segment, member, managers, women_managers
  FROM {{ ref('rollup_manager_days') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'department', 'management_level')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(women_managers, 0) / NULLIF(managers, 0) AS obs_value,
    CAST(COALESCE(women_managers, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(managers, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(managers, 0) AS BIGINT) AS n_obs,
    CAST(COALESCE(women_managers, 0) AS BIGINT) AS n_persons_numerator,
    CAST(COALESCE(managers, 0) AS BIGINT) AS n_persons_denominator
  FROM manager_days
  WHERE NOT managers IS NULL OR NOT women_managers IS NULL
)
SELECT
  'women_in_management' AS kpi_id,
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
  '95a2b0ca8d9c6a30' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
