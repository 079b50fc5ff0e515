-- Days of orders_by_delivered_date, for on_time_delivery, order_cycle_time, unit_cost.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(delivered_date AS DATE) AS day,
    channel AS channel_member,
    country AS country_member,
    cycle_days AS cycle_days,
    CASE WHEN NOT is_on_time IS NULL THEN 1 ELSE 0 END AS orders_delivered,
    CASE WHEN NOT cycle_days IS NULL THEN 1 ELSE 0 END AS orders_fulfilled,
    CASE WHEN is_on_time THEN 1 ELSE 0 END AS orders_on_time
  FROM {{ ref('fct_orders') }} AS orders
  WHERE CAST(delivered_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, country_member, cycle_days, orders_delivered, orders_fulfilled, orders_on_time) AS HUGEINT)), 'b5526f50425fe0a9') AS inputs
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
    WHEN GROUPING(channel_member) = 0 THEN 'channel'
    WHEN GROUPING(country_member) = 0 THEN 'country'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(channel_member) = 0 THEN COALESCE(CAST(channel_member AS STRING), '_U')
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(cycle_days) AS cycle_days,
  SUM(orders_delivered) AS orders_delivered,
  SUM(orders_fulfilled) AS orders_fulfilled,
  SUM(orders_on_time) AS orders_on_time,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, country_member, cycle_days, orders_delivered, orders_fulfilled, orders_on_time) AS HUGEINT)), 'b5526f50425fe0a9') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, channel_member), (day, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
