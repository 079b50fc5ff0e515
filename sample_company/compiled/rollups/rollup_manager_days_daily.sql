-- Days of manager_days, for women_in_management.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    department AS department_member,
    management_level AS management_level_member,
    employee_id AS managers,
    CASE WHEN sex = 'F' THEN employee_id END AS women_managers,
    sex = 'F' AS women_managers_counts
  FROM {{ ref('fct_manager_days') }} AS manager_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(department_member, management_level_member, managers, women_managers, women_managers_counts) AS HUGEINT)), '5d9dd19754eb5aae') AS inputs
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
    WHEN GROUPING(department_member) = 0 THEN 'department'
    WHEN GROUPING(management_level_member) = 0 THEN 'management_level'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(department_member) = 0 THEN COALESCE(CAST(department_member AS STRING), '_U')
    WHEN GROUPING(management_level_member) = 0 THEN COALESCE(CAST(management_level_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  COUNT(DISTINCT managers) AS managers,
  COUNT(DISTINCT women_managers) AS women_managers,
  COUNT(*) AS managers_rows,
  COUNT_IF(women_managers_counts) AS women_managers_rows,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(department_member, management_level_member, managers, women_managers, women_managers_counts) AS HUGEINT)), '5d9dd19754eb5aae') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, department_member), (day, management_level_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
