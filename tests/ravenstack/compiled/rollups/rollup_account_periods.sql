-- Every measure of account_periods, for gross_revenue_retention, gross_revenue_retention_quarterly, gross_revenue_retention_yearly, logo_churn_rate, logo_churn_rate_quarterly, logo_churn_rate_yearly, net_revenue_retention, net_revenue_retention_quarterly, net_revenue_retention_yearly.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_account_periods_daily') }}
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
    SUM(opening_mrr_yearly) AS opening_mrr_yearly
  FROM {{ ref('rollup_account_periods_daily') }} AS daily
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
