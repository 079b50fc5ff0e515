-- Days of order_lines, for energy_intensity, gross_margin, net_revenue, new_product_revenue_share, operating_cost_ratio, rd_intensity, return_rate, revenue_growth_yoy, revenue_per_employee.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(line_date AS DATE) AS day,
    channel AS channel_member,
    CONCAT(REPLACE(REPLACE(COALESCE(CAST(channel AS STRING), '_U'), '%', '%25'), ':', '%3A'), ':', REPLACE(REPLACE(COALESCE(CAST(country AS STRING), '_U'), '%', '%25'), ':', '%3A')) AS channel__x__country_member,
    country AS country_member,
    product_category AS product_category_member,
    CASE WHEN NOT is_return THEN net_amount END AS gross_revenue,
    net_amount AS net_revenue,
    CASE WHEN NOT order_line_id IS NULL THEN 1 ELSE 0 END AS order_lines,
    CASE WHEN is_return THEN -net_amount END AS returned_amount,
    CASE WHEN NOT is_return THEN CASE WHEN NOT order_line_id IS NULL THEN 1 ELSE 0 END END AS sale_lines
  FROM {{ ref('fct_order_lines') }} AS order_lines
  WHERE CAST(line_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, channel__x__country_member, country_member, product_category_member, gross_revenue, net_revenue, order_lines, returned_amount, sale_lines) AS HUGEINT)), 'b948dfd761557054') AS inputs
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
    WHEN GROUPING(channel__x__country_member) = 0 THEN 'channel:country'
    WHEN GROUPING(country_member) = 0 THEN 'country'
    WHEN GROUPING(product_category_member) = 0 THEN 'product_category'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(channel_member) = 0 THEN COALESCE(CAST(channel_member AS STRING), '_U')
    WHEN GROUPING(channel__x__country_member) = 0 THEN COALESCE(CAST(channel__x__country_member AS STRING), '_U')
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(product_category_member) = 0 THEN COALESCE(CAST(product_category_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(gross_revenue) AS gross_revenue,
  SUM(net_revenue) AS net_revenue,
  SUM(order_lines) AS order_lines,
  SUM(returned_amount) AS returned_amount,
  SUM(sale_lines) AS sale_lines,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(channel_member, channel__x__country_member, country_member, product_category_member, gross_revenue, net_revenue, order_lines, returned_amount, sale_lines) AS HUGEINT)), 'b948dfd761557054') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, channel_member), (day, channel__x__country_member), (day, country_member), (day, product_category_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
