-- Days of backlog_changes, for open_orders, order_backlog.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(change_date AS DATE) AS day,
    channel AS channel_member,
    country AS country_member,
    orders AS open_orders_change,
    amount AS order_backlog_change
  FROM {{ ref('fct_backlog_changes') }} AS backlog_changes
  WHERE CAST(change_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, country_member, open_orders_change, order_backlog_change) AS HUGEINT)), '1903a28906958324') AS inputs
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
  SUM(open_orders_change) AS open_orders_change,
  SUM(order_backlog_change) AS order_backlog_change,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, country_member, open_orders_change, order_backlog_change) AS HUGEINT)), '1903a28906958324') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, channel_member), (day, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
