-- Every measure of subscription_days, for mrr, paying_accounts.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_subscription_days_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=False) }}
), inputs AS (
  SELECT freq, span, period_start, MD5(STRING_AGG(inputs, ' ' ORDER BY day)) AS inputs
  FROM period_days
  INNER JOIN days USING (day)
  GROUP BY freq, span, period_start
), changed AS (
  SELECT freq, span, period_start, inputs
  FROM inputs{% if is_incremental() %} ANTI JOIN {{ this }} USING (freq, span, period_start, inputs){% endif %}
), changed_days AS (
  SELECT freq, span, period_start, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)
), stock_days AS (
  -- The one day of the period that each stock is taken from.
  SELECT
    freq,
    period_start,
    MAX(day) FILTER (WHERE mrr_rows > 0) AS mrr_day,
    MAX(day) FILTER (WHERE paid_subscriptions_rows > 0) AS paid_subscriptions_day,
    MAX(day) FILTER (WHERE paying_accounts_rows > 0) AS paying_accounts_day
  FROM {{ ref('rollup_subscription_days_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0 AND segment = '_T' AND span = 'period'
  GROUP BY freq, period_start
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    MAX(mrr) FILTER (WHERE span = 'period' AND day = mrr_day AND mrr_rows > 0) AS mrr,
    MAX(paid_subscriptions) FILTER (WHERE span = 'period' AND day = paid_subscriptions_day AND paid_subscriptions_rows > 0) AS paid_subscriptions,
    MAX(paying_accounts) FILTER (WHERE span = 'period' AND day = paying_accounts_day AND paying_accounts_rows > 0) AS paying_accounts
  FROM {{ ref('rollup_subscription_days_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  LEFT JOIN stock_days USING (freq, period_start)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
)
SELECT *
FROM rolled_up
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
