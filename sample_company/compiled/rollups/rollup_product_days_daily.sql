-- Days of product_days, for product_adoption_rate, stickiness_dau_mau.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    country AS country_member,
    platform AS platform_member,
    adopter_id AS product_adopters,
    date_day AS product_calendar_days,
    user_day AS product_user_days,
    user_id AS product_users
  FROM {{ ref('fct_product_days') }} AS product_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, platform_member, product_adopters, product_calendar_days, product_user_days, product_users) AS HUGEINT)), '180c8d52a8ed268d') AS inputs
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
    WHEN GROUPING(platform_member) = 0 THEN 'platform'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(platform_member) = 0 THEN COALESCE(CAST(platform_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  NULLIF(COUNT(DISTINCT product_calendar_days), 0) AS product_calendar_days,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, platform_member, product_adopters, product_calendar_days, product_user_days, product_users) AS HUGEINT)), '180c8d52a8ed268d') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, platform_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
