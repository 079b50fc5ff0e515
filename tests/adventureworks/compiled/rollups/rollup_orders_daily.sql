-- Days of orders, for average_order_value, repeat_purchase_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(order_date AS DATE) AS day,
    country AS country_member,
    customer_id AS buyers,
    gross_amount AS order_amount,
    CASE WHEN NOT order_id IS NULL THEN 1 ELSE 0 END AS orders_placed,
    customer_id AS repeat_buyers,
    is_repeat_order AS repeat_buyers_counts
  FROM {{ ref('fct_orders') }} AS orders
  WHERE CAST(order_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, buyers, order_amount, orders_placed, repeat_buyers, repeat_buyers_counts) AS HUGEINT)), '2685f5d3394dacf6') AS inputs
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
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(order_amount) AS order_amount,
  SUM(orders_placed) AS orders_placed,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, buyers, order_amount, orders_placed, repeat_buyers, repeat_buyers_counts) AS HUGEINT)), '2685f5d3394dacf6') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
