-- Days of new_product_lines, for new_product_revenue_share.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(line_date AS DATE) AS day,
    country AS country_member,
    product_category AS product_category_member,
    net_amount AS new_product_revenue
  FROM {{ ref('fct_new_product_lines') }} AS new_product_lines
  WHERE CAST(line_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, product_category_member, new_product_revenue) AS HUGEINT)), '3cea183edd24cb0f') AS inputs
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
    WHEN GROUPING(product_category_member) = 0 THEN 'product_category'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(product_category_member) = 0 THEN COALESCE(CAST(product_category_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(new_product_revenue) AS new_product_revenue,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, product_category_member, new_product_revenue) AS HUGEINT)), '3cea183edd24cb0f') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, product_category_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
