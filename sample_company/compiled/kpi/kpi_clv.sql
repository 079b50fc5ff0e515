-- Customer lifetime value (clv).
-- Written by `kpi compile`; change the definition, not this file.
WITH subscriber_values AS (
  SELECT freq, span, period_start, segment, member, subscriber_gross_profit_of_a, subscriber_gross_profit_of_m, subscriber_gross_profit_of_q, valued_subscribers_lost_of_a, valued_subscribers_lost_of_m, valued_subscribers_lost_of_q, valued_subscribers_of_a, valued_subscribers_of_m, valued_subscribers_of_q
  FROM {{ ref('rollup_subscriber_values') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'country', 'plan')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(CAST(CASE freq WHEN 'M' THEN subscriber_gross_profit_of_m WHEN 'Q' THEN subscriber_gross_profit_of_q WHEN 'A' THEN subscriber_gross_profit_of_a END AS DOUBLE) / CAST(NULLIF(CASE freq WHEN 'M' THEN valued_subscribers_of_m WHEN 'Q' THEN valued_subscribers_of_q WHEN 'A' THEN valued_subscribers_of_a END, 0) AS DOUBLE) AS DOUBLE) / CAST(NULLIF(CAST(CASE freq WHEN 'M' THEN valued_subscribers_lost_of_m WHEN 'Q' THEN valued_subscribers_lost_of_q WHEN 'A' THEN valued_subscribers_lost_of_a END AS DOUBLE) / CAST(NULLIF(CASE freq WHEN 'M' THEN valued_subscribers_of_m WHEN 'Q' THEN valued_subscribers_of_q WHEN 'A' THEN valued_subscribers_of_a END, 0) AS DOUBLE), 0) AS DOUBLE) AS obs_value,
    CAST(CASE freq WHEN 'M' THEN subscriber_gross_profit_of_m WHEN 'Q' THEN subscriber_gross_profit_of_q WHEN 'A' THEN subscriber_gross_profit_of_a END AS DOUBLE) / CAST(NULLIF(CASE freq WHEN 'M' THEN valued_subscribers_of_m WHEN 'Q' THEN valued_subscribers_of_q WHEN 'A' THEN valued_subscribers_of_a END, 0) AS DOUBLE) AS numerator,
    CAST(CASE freq WHEN 'M' THEN valued_subscribers_lost_of_m WHEN 'Q' THEN valued_subscribers_lost_of_q WHEN 'A' THEN valued_subscribers_lost_of_a END AS DOUBLE) / CAST(NULLIF(CASE freq WHEN 'M' THEN valued_subscribers_of_m WHEN 'Q' THEN valued_subscribers_of_q WHEN 'A' THEN valued_subscribers_of_a END, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(CASE freq WHEN 'M' THEN valued_subscribers_lost_of_m WHEN 'Q' THEN valued_subscribers_lost_of_q WHEN 'A' THEN valued_subscribers_lost_of_a END, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM subscriber_values
  WHERE NOT subscriber_gross_profit_of_a IS NULL AND freq = 'A' OR NOT subscriber_gross_profit_of_m IS NULL AND freq = 'M' OR NOT subscriber_gross_profit_of_q IS NULL AND freq = 'Q' OR NOT valued_subscribers_lost_of_a IS NULL AND freq = 'A' OR NOT valued_subscribers_lost_of_m IS NULL AND freq = 'M' OR NOT valued_subscribers_lost_of_q IS NULL AND freq = 'Q' OR NOT valued_subscribers_of_a IS NULL AND freq = 'A' OR NOT valued_subscribers_of_m IS NULL AND freq = 'M' OR NOT valued_subscribers_of_q IS NULL AND freq = 'Q'
)
SELECT
  'clv' AS kpi_id,
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
  '1f37921e62988d2a' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
