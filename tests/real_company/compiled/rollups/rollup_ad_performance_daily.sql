-- Days of ad_performance, for cac, cpl, ctr, roas.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(ad_date AS DATE) AS day,
    clicks AS ad_clicks,
    conversion_value AS ad_conversion_value,
    cost AS ad_cost,
    impressions AS ad_impressions
  FROM {{ ref('fct_ad_performance') }} AS ad_performance
  WHERE CAST(ad_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(ad_clicks, ad_conversion_value, ad_cost, ad_impressions) AS HUGEINT)), '02809a94cb67b29e') AS inputs
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
  SUM(ad_clicks) AS ad_clicks,
  SUM(ad_conversion_value) AS ad_conversion_value,
  SUM(ad_cost) AS ad_cost,
  SUM(ad_impressions) AS ad_impressions,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(ad_clicks, ad_conversion_value, ad_cost, ad_impressions) AS HUGEINT)), '02809a94cb67b29e') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
