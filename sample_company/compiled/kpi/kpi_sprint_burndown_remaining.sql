-- Sprint burndown (remaining work) (sprint_burndown_remaining).
-- Written by `kpi compile`; change the definition, not this file.
WITH work_item_days AS (
  SELECT freq, span, period_start, segment, member, estimated_work_items, open_story_points
  FROM {{ ref('rollup_work_item_days') }}
  WHERE freq IN ('W') AND span = 'period' AND segment IN ('_T', 'team')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(open_story_points AS DOUBLE) AS obs_value,
    CAST(open_story_points AS DOUBLE) AS numerator,
    CAST(NULL AS DOUBLE) AS denominator,
    CAST(COALESCE(estimated_work_items, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM work_item_days
  WHERE NOT estimated_work_items IS NULL OR NOT open_story_points IS NULL
)
SELECT
  'sprint_burndown_remaining' AS kpi_id,
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
  'c9daff25ae3a0bb6' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
