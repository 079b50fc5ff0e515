-- Customer churn rate (customer_churn_rate).
-- Written by `kpi compile`; change the definition, not this file.
WITH subscriber_periods AS (
  SELECT freq, span, period_start, segment, member, lost_subscribers_of_a, lost_subscribers_of_m, lost_subscribers_of_q, opening_subscribers_of_a, opening_subscribers_of_m, opening_subscribers_of_q
  FROM {{ ref('rollup_subscriber_periods') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'country', 'plan')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(CASE freq WHEN 'M' THEN lost_subscribers_of_m WHEN 'Q' THEN lost_subscribers_of_q WHEN 'A' THEN lost_subscribers_of_a END AS DOUBLE) / CAST(NULLIF(CASE freq WHEN 'M' THEN opening_subscribers_of_m WHEN 'Q' THEN opening_subscribers_of_q WHEN 'A' THEN opening_subscribers_of_a END, 0) AS DOUBLE) AS obs_value,
    CAST(CASE freq WHEN 'M' THEN lost_subscribers_of_m WHEN 'Q' THEN lost_subscribers_of_q WHEN 'A' THEN lost_subscribers_of_a END AS DOUBLE) AS numerator,
    CAST(CASE freq WHEN 'M' THEN opening_subscribers_of_m WHEN 'Q' THEN opening_subscribers_of_q WHEN 'A' THEN opening_subscribers_of_a END AS DOUBLE) AS denominator,
    CAST(COALESCE(CASE freq WHEN 'M' THEN opening_subscribers_of_m WHEN 'Q' THEN opening_subscribers_of_q WHEN 'A' THEN opening_subscribers_of_a END, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM subscriber_periods
  WHERE NOT lost_subscribers_of_a IS NULL AND freq = 'A' OR NOT lost_subscribers_of_m IS NULL AND freq = 'M' OR NOT lost_subscribers_of_q IS NULL AND freq = 'Q' OR NOT opening_subscribers_of_a IS NULL AND freq = 'A' OR NOT opening_subscribers_of_m IS NULL AND freq = 'M' OR NOT opening_subscribers_of_q IS NULL AND freq = 'Q'
)
SELECT
  'customer_churn_rate' AS kpi_id,
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
  '8418a296e2a0ccad' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
