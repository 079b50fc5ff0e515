-- Days of stock_levels, for inventory_turns, stockout_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(stock_date AS DATE) AS day,
    product_category AS product_category_member,
    site AS site_member,
    CASE WHEN NOT quantity IS NULL THEN 1 ELSE 0 END AS counted_stock_levels,
    stock_date AS stock_days,
    CASE WHEN NOT stock_level_id IS NULL THEN 1 ELSE 0 END AS stock_levels,
    stock_value AS stock_value_days,
    CASE WHEN quantity <= 0 THEN 1 ELSE 0 END AS stockouts
  FROM {{ ref('fct_stock_levels') }} AS stock_levels
  WHERE CAST(stock_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(product_category_member, site_member, counted_stock_levels, stock_days, stock_levels, stock_value_days, stockouts) AS HUGEINT)), '3184b6de4063ca47') AS inputs
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
    WHEN GROUPING(product_category_member) = 0 THEN 'product_category'
    WHEN GROUPING(site_member) = 0 THEN 'site'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(product_category_member) = 0 THEN COALESCE(CAST(product_category_member AS STRING), '_U')
    WHEN GROUPING(site_member) = 0 THEN COALESCE(CAST(site_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(counted_stock_levels) AS counted_stock_levels,
  NULLIF(COUNT(DISTINCT stock_days), 0) AS stock_days,
  SUM(stock_levels) AS stock_levels,
  SUM(stock_value_days) AS stock_value_days,
  SUM(stockouts) AS stockouts,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(product_category_member, site_member, counted_stock_levels, stock_days, stock_levels, stock_value_days, stockouts) AS HUGEINT)), '3184b6de4063ca47') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, product_category_member), (day, site_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
