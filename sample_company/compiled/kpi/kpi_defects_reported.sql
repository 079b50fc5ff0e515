-- Defects reported (defects_reported).
-- Written by `kpi compile`; change the definition, not this file.
WITH defects_by_created_date AS (
  SELECT freq, span, period_start, segment, member, defects_reported
  FROM {{ ref('rollup_defects_by_created_date') }}
  WHERE (freq IN ('W', 'M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T', 'service', 'severity')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(defects_reported AS DOUBLE) AS obs_value,
    CAST(defects_reported AS DOUBLE) AS numerator,
    CAST(NULL AS DOUBLE) AS denominator,
    CAST(COALESCE(defects_reported, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM defects_by_created_date
  WHERE NOT defects_reported IS NULL
)
SELECT
  'defects_reported' AS kpi_id,
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
  '297e447f81bda0e4' AS definition_hash,
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
