-- Service availability (availability).
-- Written by `kpi compile`; change the definition, not this file.
WITH service_probes AS (
  SELECT freq, span, period_start, segment, member, good_probes, valid_probes
  FROM {{ ref('rollup_service_probes') }}
  WHERE (freq IN ('W', 'M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T', 'service')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(good_probes AS DOUBLE) / CAST(NULLIF(valid_probes, 0) AS DOUBLE) AS obs_value,
    CAST(good_probes AS DOUBLE) AS numerator,
    CAST(valid_probes AS DOUBLE) AS denominator,
    CAST(COALESCE(valid_probes, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM service_probes
  WHERE NOT good_probes IS NULL OR NOT valid_probes IS NULL
)
SELECT
  'availability' AS kpi_id,
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
  '10aa670496a8fd7b' AS definition_hash,
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
