-- Days of water_readings, for water_consumption.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(DATE_TRUNC('MONTH', reading_month) AS DATE) AS day,
    site AS site_member,
    consumption_m3 AS water_consumption,
    CASE WHEN NOT water_reading_id IS NULL THEN 1 ELSE 0 END AS water_readings
  FROM {{ ref('fct_water_readings') }} AS water_readings
  WHERE CAST(DATE_TRUNC('MONTH', reading_month) AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(site_member, water_consumption, water_readings) AS HUGEINT)), '7002f4e95e0096c9') AS inputs
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
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(site_member) = 0 THEN COALESCE(CAST(site_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(water_consumption) AS water_consumption,
  SUM(water_readings) AS water_readings,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(site_member, water_consumption, water_readings) AS HUGEINT)), '7002f4e95e0096c9') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, site_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
