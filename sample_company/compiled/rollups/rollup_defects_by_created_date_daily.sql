-- Days of defects_by_created_date, for defects_reported.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(created_date AS DATE) AS day,
    service AS service_member,
    severity AS severity_member,
    CASE WHEN NOT defect_id IS NULL THEN 1 ELSE 0 END AS defects_reported,
    _loaded_at
  FROM {{ ref('fct_defects') }} AS defects
  WHERE CAST(created_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'ac6029d37de4b218') AS inputs
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
  SUM(defects_reported) AS defects_reported,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'ac6029d37de4b218') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, service_member), (day, severity_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
