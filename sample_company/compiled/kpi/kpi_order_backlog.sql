-- Order backlog (order_backlog).
-- Written by `kpi compile`; change the definition, not this file.
WITH backlog_changes_last_of_all AS (
  SELECT freq, span, period_start, segment, member, open_orders, order_backlog
  FROM {{ ref('rollup_backlog_changes_last_of_all') }}
  WHERE freq IN ('W', 'M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'channel', 'country')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(order_backlog AS DOUBLE) AS obs_value,
    CAST(order_backlog AS DOUBLE) AS numerator,
    CAST(NULL AS DOUBLE) AS denominator,
    CAST(COALESCE(open_orders, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM backlog_changes_last_of_all
  WHERE NOT open_orders IS NULL OR NOT order_backlog IS NULL
)
SELECT
  'order_backlog' AS kpi_id,
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
  '6425b27de907c6a7' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
