-- Every measure of subscriber_periods, for customer_churn_rate, customer_retention_rate, grr, nrr.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_subscriber_periods_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['M', 'Q', 'A'], to_date=False) }}
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
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(closing_recurring_revenue_of_a) AS closing_recurring_revenue_of_a,
    SUM(closing_recurring_revenue_of_m) AS closing_recurring_revenue_of_m,
    SUM(closing_recurring_revenue_of_q) AS closing_recurring_revenue_of_q,
    SUM(kept_recurring_revenue_of_a) AS kept_recurring_revenue_of_a,
    SUM(kept_recurring_revenue_of_m) AS kept_recurring_revenue_of_m,
    SUM(kept_recurring_revenue_of_q) AS kept_recurring_revenue_of_q,
    SUM(kept_subscribers_of_a) AS kept_subscribers_of_a,
    SUM(kept_subscribers_of_m) AS kept_subscribers_of_m,
    SUM(kept_subscribers_of_q) AS kept_subscribers_of_q,
    SUM(lost_subscribers_of_a) AS lost_subscribers_of_a,
    SUM(lost_subscribers_of_m) AS lost_subscribers_of_m,
    SUM(lost_subscribers_of_q) AS lost_subscribers_of_q,
    SUM(opening_recurring_revenue_of_a) AS opening_recurring_revenue_of_a,
    SUM(opening_recurring_revenue_of_m) AS opening_recurring_revenue_of_m,
    SUM(opening_recurring_revenue_of_q) AS opening_recurring_revenue_of_q,
    SUM(opening_subscribers_of_a) AS opening_subscribers_of_a,
    SUM(opening_subscribers_of_m) AS opening_subscribers_of_m,
    SUM(opening_subscribers_of_q) AS opening_subscribers_of_q
  FROM {{ ref('rollup_subscriber_periods_daily') }} AS daily
  INNER JOIN changed_days USING (day)
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
