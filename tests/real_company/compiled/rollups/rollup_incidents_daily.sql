-- Days of incidents, for incident_resolution_time_p50, mttr.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(resolved_date AS DATE) AS day,
    priority AS priority_member,
    service AS service_member,
    resolution_hours AS incident_resolution_time_p50,
    CASE WHEN NOT resolution_hours IS NULL THEN 1 ELSE 0 END AS incidents_resolved,
    resolution_hours AS resolution_hours,
    _loaded_at
  FROM {{ ref('fct_incidents') }} AS incidents
  WHERE CAST(resolved_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'c2188d132f9950a4') AS inputs
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
    WHEN GROUPING(priority_member) = 0 THEN 'priority'
    WHEN GROUPING(service_member) = 0 THEN 'service'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(priority_member) = 0 THEN COALESCE(CAST(priority_member AS STRING), '_U')
    WHEN GROUPING(service_member) = 0 THEN COALESCE(CAST(service_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(incidents_resolved) AS incidents_resolved,
  SUM(resolution_hours) AS resolution_hours,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'c2188d132f9950a4') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, priority_member), (day, service_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
