-- Inventory turns (inventory_turns).
-- Written by `kpi compile`; change the definition, not this file.
WITH costs_last_of_12_month AS (
  SELECT freq, span, period_start, segment, member, cost_of_goods_12_months
  FROM {{ ref('rollup_costs_last_of_12_month') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'product_category')
), stock_levels_last_of_12_month AS (
  SELECT freq, span, period_start, segment, member, stock_days_12_months, stock_value_days_12_months
  FROM {{ ref('rollup_stock_levels_last_of_12_month') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'product_category')
), stock_levels AS (
  SELECT freq, span, period_start, segment, member, stock_levels
  FROM {{ ref('rollup_stock_levels') }}
  WHERE freq IN ('M', 'Q', 'A') AND span = 'period' AND segment IN ('_T', 'product_category')
), computed AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    CAST(cost_of_goods_12_months AS DOUBLE) / CAST(NULLIF(CAST(stock_value_days_12_months AS DOUBLE) / CAST(NULLIF(stock_days_12_months, 0) AS DOUBLE), 0) AS DOUBLE) AS obs_value,
    CAST(cost_of_goods_12_months AS DOUBLE) AS numerator,
    CAST(stock_value_days_12_months AS DOUBLE) / CAST(NULLIF(stock_days_12_months, 0) AS DOUBLE) AS denominator,
    CAST(COALESCE(stock_levels, 0) AS BIGINT) AS n_obs,
    CAST(NULL AS BIGINT) AS n_persons_numerator,
    CAST(NULL AS BIGINT) AS n_persons_denominator
  FROM costs_last_of_12_month
  FULL OUTER JOIN stock_levels_last_of_12_month USING (freq, span, period_start, segment, member)
  FULL OUTER JOIN stock_levels USING (freq, span, period_start, segment, member)
  WHERE NOT cost_of_goods_12_months IS NULL OR NOT stock_days_12_months IS NULL OR NOT stock_levels IS NULL OR NOT stock_value_days_12_months IS NULL
)
SELECT
  'inventory_turns' AS kpi_id,
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
  '032d160d6d982434' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM computed AS period
WHERE period.span = 'period'
