-- Days of defects, for defect_resolution_time_p50, defect_resolution_time_p90.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(closed_date AS DATE) AS day,
    service AS service_member,
    severity AS severity_member,
    resolution_hours AS defect_resolution_time_p50,
    resolution_hours AS defect_resolution_time_p90,
    CASE WHEN NOT resolution_hours IS NULL THEN 1 ELSE 0 END AS defects_closed,
    _loaded_at
  FROM {{ ref('fct_defects') }} AS defects
  WHERE CAST(closed_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'b64ba2e71ea871f9') AS inputs
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
    WHEN GROUPING(service_member) = 0 THEN 'service'
    WHEN GROUPING(severity_member) = 0 THEN 'severity'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(service_member) = 0 THEN COALESCE(CAST(service_member AS STRING), '_U')
    WHEN GROUPING(severity_member) = 0 THEN COALESCE(CAST(severity_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(defects_closed) AS defects_closed,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'b64ba2e71ea871f9') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, service_member), (day, severity_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
