-- Days of costs, for gross_margin, inventory_turns, operating_cost_ratio, rd_intensity, unit_cost.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(DATE_TRUNC('MONTH', cost_month) AS DATE) AS day,
    product_category AS product_category_member,
    CASE WHEN cost_function = 'cost_of_goods' THEN amount END AS cost_of_goods,
    CASE WHEN cost_function = 'fulfilment' THEN amount END AS fulfilment_cost,
    CASE WHEN cost_function <> 'cost_of_goods' THEN amount END AS operating_costs,
    CASE WHEN cost_function = 'research_development' THEN amount END AS research_development_cost
  FROM {{ ref('fct_costs') }} AS costs
  WHERE CAST(DATE_TRUNC('MONTH', cost_month) AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(product_category_member, cost_of_goods, fulfilment_cost, operating_costs, research_development_cost) AS HUGEINT)), '07b139bd684957d4') AS inputs
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
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(product_category_member) = 0 THEN COALESCE(CAST(product_category_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(cost_of_goods) AS cost_of_goods,
  SUM(fulfilment_cost) AS fulfilment_cost,
  SUM(operating_costs) AS operating_costs,
  SUM(research_development_cost) AS research_development_cost,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(product_category_member, cost_of_goods, fulfilment_cost, operating_costs, research_development_cost) AS HUGEINT)), '07b139bd684957d4') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, product_category_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
