-- Days of deployments, for change_fail_rate, deployment_frequency.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(deployed_date AS DATE) AS day,
    service AS service_member,
    CASE WHEN NOT deployment_id IS NULL THEN 1 ELSE 0 END AS deployments,
    CASE WHEN is_failed THEN 1 ELSE 0 END AS failed_deployments,
    _loaded_at
  FROM {{ ref('fct_deployments') }} AS deployments
  WHERE CAST(deployed_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '3b22282b06952d90') AS inputs
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
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(service_member) = 0 THEN COALESCE(CAST(service_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(deployments) AS deployments,
  SUM(failed_deployments) AS failed_deployments,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), '3b22282b06952d90') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, service_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
