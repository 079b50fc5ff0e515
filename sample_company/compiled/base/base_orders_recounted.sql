-- Recounted for each period of orders, for average_order_value, repeat_purchase_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
WITH days AS (
  SELECT day, inputs FROM {{ ref('base_orders_daily') }} WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
), inputs AS (
  SELECT freq, span, period_start, MD5(STRING_AGG(inputs, ' ' ORDER BY day)) AS inputs
  FROM period_days
  INNER JOIN days USING (day)
  GROUP BY freq, span, period_start
), changed AS (
  SELECT freq, span, period_start, inputs
  FROM inputs{% if is_incremental() %} ANTI JOIN {{ this }} USING (freq, span, period_start, inputs){% endif %}
), changed_days AS (
  SELECT freq, span, period_start, inputs, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)
), fact AS (
  SELECT
    CAST(order_date AS DATE) AS day,
    channel AS channel_member,
    country AS country_member,
    customer_id AS buyers,
    CASE WHEN is_repeat_order THEN customer_id END AS repeat_buyers,
    is_repeat_order AS repeat_buyers_counts
  FROM {{ ref('fct_orders') }} AS orders
  WHERE CAST(order_date AS DATE) IS NOT NULL
)
SELECT
  freq,
  span,
  period_start,
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
  ANY_VALUE(inputs) AS inputs,
  COUNT(DISTINCT buyers) AS buyers,
  CASE WHEN COUNT_IF(repeat_buyers_counts) > 0 THEN COUNT(DISTINCT repeat_buyers) END AS repeat_buyers
FROM fact
INNER JOIN changed_days USING (day)
GROUP BY GROUPING SETS ((freq, span, period_start), (freq, span, period_start, channel_member), (freq, span, period_start, country_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
