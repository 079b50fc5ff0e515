-- Days of subscriber_periods, for customer_churn_rate, customer_retention_rate, grr, nrr.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(period_start AS DATE) AS day,
    plan AS plan_member,
    CASE WHEN cohort_freq = 'A' THEN closing_amount END AS closing_recurring_revenue_of_a,
    CASE WHEN cohort_freq = 'M' THEN closing_amount END AS closing_recurring_revenue_of_m,
    CASE WHEN cohort_freq = 'Q' THEN closing_amount END AS closing_recurring_revenue_of_q,
    CASE WHEN cohort_freq = 'A' THEN kept_amount END AS kept_recurring_revenue_of_a,
    CASE WHEN cohort_freq = 'M' THEN kept_amount END AS kept_recurring_revenue_of_m,
    CASE WHEN cohort_freq = 'Q' THEN kept_amount END AS kept_recurring_revenue_of_q,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN NOT is_lost THEN 1 ELSE 0 END END AS kept_subscribers_of_a,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN NOT is_lost THEN 1 ELSE 0 END END AS kept_subscribers_of_m,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN NOT is_lost THEN 1 ELSE 0 END END AS kept_subscribers_of_q,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS lost_subscribers_of_a,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS lost_subscribers_of_m,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS lost_subscribers_of_q,
    CASE WHEN cohort_freq = 'A' THEN opening_amount END AS opening_recurring_revenue_of_a,
    CASE WHEN cohort_freq = 'M' THEN opening_amount END AS opening_recurring_revenue_of_m,
    CASE WHEN cohort_freq = 'Q' THEN opening_amount END AS opening_recurring_revenue_of_q,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN NOT customer_id IS NULL THEN 1 ELSE 0 END END AS opening_subscribers_of_a,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN NOT customer_id IS NULL THEN 1 ELSE 0 END END AS opening_subscribers_of_m,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN NOT customer_id IS NULL THEN 1 ELSE 0 END END AS opening_subscribers_of_q
  FROM {{ ref('fct_subscriber_periods') }} AS subscriber_periods
  WHERE CAST(period_start AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(plan_member, closing_recurring_revenue_of_a, closing_recurring_revenue_of_m, closing_recurring_revenue_of_q, kept_recurring_revenue_of_a, kept_recurring_revenue_of_m, kept_recurring_revenue_of_q, kept_subscribers_of_a, kept_subscribers_of_m, kept_subscribers_of_q, lost_subscribers_of_a, lost_subscribers_of_m, lost_subscribers_of_q, opening_recurring_revenue_of_a, opening_recurring_revenue_of_m, opening_recurring_revenue_of_q, opening_subscribers_of_a, opening_subscribers_of_m, opening_subscribers_of_q) AS HUGEINT)), '0a58b3e2c7284e15') AS inputs
  FROM fact
  GROUP BY day
), changed AS (
  -- The total's row says what its day was computed from; a member's says it of the member's rows.
  SELECT day
  FROM inputs
  ANTI JOIN (SELECT day, inputs FROM {{ this }} WHERE segment = '_T') AS kept USING (day, inputs)
){% endif %}
SELECT
  day,
  CASE
    WHEN GROUPING(plan_member) = 0 THEN 'plan'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(plan_member) = 0 THEN COALESCE(CAST(plan_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
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
  SUM(opening_subscribers_of_q) AS opening_subscribers_of_q,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(plan_member, closing_recurring_revenue_of_a, closing_recurring_revenue_of_m, closing_recurring_revenue_of_q, kept_recurring_revenue_of_a, kept_recurring_revenue_of_m, kept_recurring_revenue_of_q, kept_subscribers_of_a, kept_subscribers_of_m, kept_subscribers_of_q, lost_subscribers_of_a, lost_subscribers_of_m, lost_subscribers_of_q, opening_recurring_revenue_of_a, opening_recurring_revenue_of_m, opening_recurring_revenue_of_q, opening_subscribers_of_a, opening_subscribers_of_m, opening_subscribers_of_q) AS HUGEINT)), '0a58b3e2c7284e15') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, plan_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
