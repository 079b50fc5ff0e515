-- Days of account_periods, for gross_revenue_retention, gross_revenue_retention_quarterly, gross_revenue_retention_yearly, logo_churn_rate, logo_churn_rate_quarterly, logo_churn_rate_yearly, net_revenue_retention, net_revenue_retention_quarterly, net_revenue_retention_yearly.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(period_start AS DATE) AS day,
    CASE WHEN cohort_freq = 'M' THEN closing_mrr END AS closing_mrr_monthly,
    CASE WHEN cohort_freq = 'Q' THEN closing_mrr END AS closing_mrr_quarterly,
    CASE WHEN cohort_freq = 'A' THEN closing_mrr END AS closing_mrr_yearly,
    CASE WHEN cohort_freq = 'M' THEN kept_mrr END AS kept_mrr_monthly,
    CASE WHEN cohort_freq = 'Q' THEN kept_mrr END AS kept_mrr_quarterly,
    CASE WHEN cohort_freq = 'A' THEN kept_mrr END AS kept_mrr_yearly,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS lost_accounts_monthly,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS lost_accounts_quarterly,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN is_lost THEN 1 ELSE 0 END END AS lost_accounts_yearly,
    CASE WHEN cohort_freq = 'M' THEN CASE WHEN NOT account_id IS NULL THEN 1 ELSE 0 END END AS opening_accounts_monthly,
    CASE WHEN cohort_freq = 'Q' THEN CASE WHEN NOT account_id IS NULL THEN 1 ELSE 0 END END AS opening_accounts_quarterly,
    CASE WHEN cohort_freq = 'A' THEN CASE WHEN NOT account_id IS NULL THEN 1 ELSE 0 END END AS opening_accounts_yearly,
    CASE WHEN cohort_freq = 'M' THEN opening_mrr END AS opening_mrr_monthly,
    CASE WHEN cohort_freq = 'Q' THEN opening_mrr END AS opening_mrr_quarterly,
    CASE WHEN cohort_freq = 'A' THEN opening_mrr END AS opening_mrr_yearly
  FROM {{ ref('fct_account_periods') }} AS account_periods
  WHERE CAST(period_start AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(closing_mrr_monthly, closing_mrr_quarterly, closing_mrr_yearly, kept_mrr_monthly, kept_mrr_quarterly, kept_mrr_yearly, lost_accounts_monthly, lost_accounts_quarterly, lost_accounts_yearly, opening_accounts_monthly, opening_accounts_quarterly, opening_accounts_yearly, opening_mrr_monthly, opening_mrr_quarterly, opening_mrr_yearly) AS HUGEINT)), '38b5cbe2e0d4709a') AS inputs
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
  '_T' AS segment,
  '_T' AS member,
  COUNT(*) AS n_rows,
  SUM(closing_mrr_monthly) AS closing_mrr_monthly,
  SUM(closing_mrr_quarterly) AS closing_mrr_quarterly,
  SUM(closing_mrr_yearly) AS closing_mrr_yearly,
  SUM(kept_mrr_monthly) AS kept_mrr_monthly,
  SUM(kept_mrr_quarterly) AS kept_mrr_quarterly,
  SUM(kept_mrr_yearly) AS kept_mrr_yearly,
  SUM(lost_accounts_monthly) AS lost_accounts_monthly,
  SUM(lost_accounts_quarterly) AS lost_accounts_quarterly,
  SUM(lost_accounts_yearly) AS lost_accounts_yearly,
  SUM(opening_accounts_monthly) AS opening_accounts_monthly,
  SUM(opening_accounts_quarterly) AS opening_accounts_quarterly,
  SUM(opening_accounts_yearly) AS opening_accounts_yearly,
  SUM(opening_mrr_monthly) AS opening_mrr_monthly,
  SUM(opening_mrr_quarterly) AS opening_mrr_quarterly,
  SUM(opening_mrr_yearly) AS opening_mrr_yearly,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(closing_mrr_monthly, closing_mrr_quarterly, closing_mrr_yearly, kept_mrr_monthly, kept_mrr_quarterly, kept_mrr_yearly, lost_accounts_monthly, lost_accounts_quarterly, lost_accounts_yearly, opening_accounts_monthly, opening_accounts_quarterly, opening_accounts_yearly, opening_mrr_monthly, opening_mrr_quarterly, opening_mrr_yearly) AS HUGEINT)), '38b5cbe2e0d4709a') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
