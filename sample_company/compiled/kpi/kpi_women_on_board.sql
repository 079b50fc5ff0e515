-- Women on the board (women_on_board).
-- Written by `kpi compile`; change the definition, not this file.
WITH board_days AS (
  SELECT freq, span, period_start, segment, member, board_members, women_board_members
  FROM {{ ref('rollup_board_days') }}
  WHERE freq IN ('Q', 'A') AND span = 'period' AND segment IN ('_T', 'seat_type')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    COALESCE(women_board_members, 0) / NULLIF(board_members, 0) AS obs_value,
    CAST(COALESCE(women_board_members, 0) AS DOUBLE) AS numerator,
    CAST(NULLIF(board_members, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(board_members, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM board_days
  WHERE NOT board_members IS NULL OR NOT women_board_members IS NULL
)
SELECT
  'women_on_board' AS kpi_id,
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
  'd0fdbdf311e1dbd6' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
