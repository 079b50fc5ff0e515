-- Days of near_misses, for near_misses_reported.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(reported_date AS DATE) AS day,
    hazard AS hazard_member,
    site AS site_member,
    CASE WHEN NOT near_miss_id IS NULL THEN 1 ELSE 0 END AS near_misses_reported
  FROM {{ ref('fct_near_misses') }} AS near_misses
  WHERE CAST(reported_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(hazard_member, site_member, near_misses_reported) AS HUGEINT)), '71f1bb218fd5ca76') AS inputs
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
    WHEN GROUPING(hazard_member) = 0 THEN 'hazard'
    WHEN GROUPING(site_member) = 0 THEN 'site'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(hazard_member) = 0 THEN COALESCE(CAST(hazard_member AS STRING), '_U')
    WHEN GROUPING(site_member) = 0 THEN COALESCE(CAST(site_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(near_misses_reported) AS near_misses_reported,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(hazard_member, site_member, near_misses_reported) AS HUGEINT)), '71f1bb218fd5ca76') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, hazard_member), (day, site_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
