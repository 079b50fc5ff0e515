-- Cost per lead (cpl).
-- Written by `kpi compile`; change the definition, not this file.
WITH ad_performance AS (
  SELECT freq, span, period_start, segment, member, ad_cost
  FROM {{ ref('rollup_ad_performance') }}
  WHERE (freq IN ('W', 'M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T', 'audience', 'channel', 'country', 'message', 'platform')
), leads AS (
  SELECT freq, span, period_start, segment, member, qualified_leads
  FROM {{ ref('rollup_leads') }}
  WHERE (freq IN ('W', 'M', 'Q', 'A') OR span <> 'period') AND segment IN ('_T', 'audience', 'channel', 'country', 'message', 'platform')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(ad_cost, 0) / NULLIF(qualified_leads, 0) AS obs_value,
    CAST(COALESCE(ad_cost, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(qualified_leads, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(qualified_leads, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM ad_performance
  FULL OUTER JOIN leads USING (freq, span, period_start, segment, member)
  WHERE NOT ad_cost IS NULL OR NOT qualified_leads IS NULL
)
SELECT
  'cpl' AS kpi_id,
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
  'ee6b7dcfaa4b8827' AS definition_hash,
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
