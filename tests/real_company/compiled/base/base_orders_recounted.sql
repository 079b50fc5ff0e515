-- Recounted for each period of orders, for average_order_value, repeat_purchase_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('W', 'period'), ('M', 'period'), ('Q', 'period'), ('A', 'period'), ('M', 'year_to_date'), ('M', 'rolling_12_months')] %}
{% set members = {'_T': "'_T'", 'country': 'country_member'} %}
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
  SELECT freq, span, period_start, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(order_date AS DATE) AS day,
    country AS country_member,
    customer_id AS buyers,
    customer_id AS repeat_buyers,
    is_repeat_order AS repeat_buyers_counts
  FROM {{ ref('fct_orders') }} AS orders
  WHERE CAST(order_date AS DATE) IS NOT NULL
), by_buyers AS (
  -- Each customer_id once per period and member, to be counted.
  {% for freq, span in spans %}{% set outer = loop %}{% for segment, member in members.items() %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    '{{ segment }}' AS segment,
    COALESCE(CAST(member AS STRING), '_U') AS member,
    COUNT(key) AS buyers,
    CASE WHEN BOOL_OR(repeat_buyers_counts) THEN COUNT(key) FILTER (WHERE repeat_buyers_counts) END AS repeat_buyers
  FROM (
    SELECT period_start, {{ member }} AS member, buyers AS key,
      BOOL_OR(repeat_buyers_counts) AS repeat_buyers_counts
    FROM fact
    INNER JOIN changed_days USING (day)
    WHERE freq = '{{ freq }}' AND span = '{{ span }}'
    GROUP BY period_start, {{ member }}, buyers
  ) AS keys
  GROUP BY period_start, keys.member
  {{ "UNION ALL" if not (outer.last and loop.last) }}
  {% endfor %}{% endfor %}
)
SELECT *
FROM by_buyers
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
