-- Days of subscription_days, for mrr, paying_accounts.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    plan_tier AS plan_tier_member,
    mrr_amount AS mrr,
    CASE WHEN NOT subscription_id IS NULL THEN 1 ELSE 0 END AS paid_subscriptions,
    account_id AS paying_accounts
  FROM {{ ref('fct_subscription_days') }} AS subscription_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(plan_tier_member, mrr, paid_subscriptions, paying_accounts) AS HUGEINT)), '448110260fc771ab') AS inputs
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
    WHEN GROUPING(plan_tier_member) = 0 THEN 'plan_tier'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(plan_tier_member) = 0 THEN COALESCE(CAST(plan_tier_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(mrr) AS mrr,
  SUM(paid_subscriptions) AS paid_subscriptions,
  COUNT(DISTINCT paying_accounts) AS paying_accounts,
  COUNT(*) AS mrr_rows,
  COUNT(*) AS paid_subscriptions_rows,
  COUNT(*) AS paying_accounts_rows,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(plan_tier_member, mrr, paid_subscriptions, paying_accounts) AS HUGEINT)), '448110260fc771ab') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, plan_tier_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
