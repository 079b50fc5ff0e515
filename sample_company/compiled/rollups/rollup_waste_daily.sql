-- Days of waste, for waste_generated.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(collected_date AS DATE) AS day,
    site AS site_member,
    treatment AS treatment_member,
    CASE WHEN NOT collection_id IS NULL THEN 1 ELSE 0 END AS waste_collections,
    weight_tonnes AS waste_generated
  FROM {{ ref('fct_waste') }} AS waste
  WHERE CAST(collected_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(site_member, treatment_member, waste_collections, waste_generated) AS HUGEINT)), 'f46dcbea6df75957') AS inputs
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
    WHEN GROUPING(site_member) = 0 THEN 'site'
    WHEN GROUPING(treatment_member) = 0 THEN 'treatment'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(site_member) = 0 THEN COALESCE(CAST(site_member AS STRING), '_U')
    WHEN GROUPING(treatment_member) = 0 THEN COALESCE(CAST(treatment_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(waste_collections) AS waste_collections,
  SUM(waste_generated) AS waste_generated,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(site_member, treatment_member, waste_collections, waste_generated) AS HUGEINT)), 'f46dcbea6df75957') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, site_member), (day, treatment_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
