-- Days of energy_readings, for energy_intensity, energy_use.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(reading_date AS DATE) AS day,
    site AS site_member,
    energy_mwh AS energy_use,
    CASE WHEN NOT reading_id IS NULL THEN 1 ELSE 0 END AS meter_readings,
    _loaded_at
  FROM {{ ref('fct_energy_readings') }} AS energy_readings
  WHERE CAST(reading_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '49dcf51afa2007d4') AS inputs
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
  SUM(energy_use) AS energy_use,
  SUM(meter_readings) AS meter_readings,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '49dcf51afa2007d4') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, site_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
