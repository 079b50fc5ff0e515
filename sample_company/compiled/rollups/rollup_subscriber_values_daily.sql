-- Days of subscriber_values, for clv.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(period_start AS DATE) AS day,
    country AS country_member,
    plan AS plan_member,
    CASE WHEN cohort_freq = 'A' THEN gross_profit END AS subscriber_gross_profit_of_a,
    CASE WHEN cohort_freq = 'M' THEN gross_profit END AS subscriber_gross_profit_of_m,
    CASE WHEN cohort_freq = 'Q' THEN gross_profit END AS subscriber_gross_profit_of_q,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS valued_subscribers_lost_of_a,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS valued_subscribers_lost_of_m,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS valued_subscribers_lost_of_q,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN NOT subscriber_period_id IS NULL THEN 1 ELSE 0 END END AS valued_subscribers_of_a,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN NOT subscriber_period_id IS NULL THEN 1 ELSE 0 END END AS valued_subscribers_of_m,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN NOT subscriber_period_id IS NULL THEN 1 ELSE 0 END END AS valued_subscribers_of_q
  FROM {{ ref('fct_subscriber_values') }} AS subscriber_values
  WHERE CAST(period_start AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, plan_member, subscriber_gross_profit_of_a, subscriber_gross_profit_of_m, subscriber_gross_profit_of_q, valued_subscribers_lost_of_a, valued_subscribers_lost_of_m, valued_subscribers_lost_of_q, valued_subscribers_of_a, valued_subscribers_of_m, valued_subscribers_of_q) AS HUGEINT)), '091ac04daa4a7065') AS inputs
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
    WHEN GROUPING(country_member) = 0 THEN 'country'
    WHEN GROUPING(plan_member) = 0 THEN 'plan'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(plan_member) = 0 THEN COALESCE(CAST(plan_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(subscriber_gross_profit_of_a) AS subscriber_gross_profit_of_a,
  SUM(subscriber_gross_profit_of_m) AS subscriber_gross_profit_of_m,
  SUM(subscriber_gross_profit_of_q) AS subscriber_gross_profit_of_q,
  SUM(valued_subscribers_lost_of_a) AS valued_subscribers_lost_of_a,
  SUM(valued_subscribers_lost_of_m) AS valued_subscribers_lost_of_m,
  SUM(valued_subscribers_lost_of_q) AS valued_subscribers_lost_of_q,
  SUM(valued_subscribers_of_a) AS valued_subscribers_of_a,
  SUM(valued_subscribers_of_m) AS valued_subscribers_of_m,
  SUM(valued_subscribers_of_q) AS valued_subscribers_of_q,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, plan_member, subscriber_gross_profit_of_a, subscriber_gross_profit_of_m, subscriber_gross_profit_of_q, valued_subscribers_lost_of_a, valued_subscribers_lost_of_m, valued_subscribers_lost_of_q, valued_subscribers_of_a, valued_subscribers_of_m, valued_subscribers_of_q) AS HUGEINT)), '091ac04daa4a7065') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, plan_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
