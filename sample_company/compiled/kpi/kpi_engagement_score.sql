-- Employee engagement score (engagement_score).
-- Written by `kpi compile`; change the definition, not this file.
WITH survey_answers AS (
  SELECT freq, span, period_start, segment, member, engagement_answers, favourable_answers, favourable_respondents, unfavourable_respondents
  FROM {{ ref('rollup_survey_answers') }}
  WHERE (freq IN ('Q', 'A') OR span <> 'period') AND segment IN ('_T', 'country', 'department')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(favourable_answers AS DOUBLE) / CAST(NULLIF(engagement_answers, 0) AS DOUBLE) AS obs_value,
    CAST(favourable_answers AS DOUBLE) AS numerator,
    CAST(engagement_answers AS DOUBLE) AS denominator,
    CAST(COALESCE(engagement_answers, 0) AS BIGINT) AS n_obs,
    CAST(COALESCE(favourable_respondents, 0) AS BIGINT) AS n_persons_numerator,
    CAST(COALESCE(unfavourable_respondents, 0) AS BIGINT) AS n_persons_denominator
  FROM survey_answers
  WHERE NOT engagement_answers IS NULL OR NOT favourable_answers IS NULL OR NOT favourable_respondents IS NULL OR NOT unfavourable_respondents IS NULL
)
SELECT
  'engagement_score' AS kpi_id,
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
  'a79e26eee8beb3f0' AS definition_hash,
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
