-- Days of hires, for time_to_fill, time_to_hire.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(hire_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    days_to_fill AS days_to_fill,
    application_id AS hires,
    CASE WHEN NOT days_to_fill IS NULL THEN 1 ELSE 0 END AS positions_filled,
    days_to_hire AS time_to_hire
  FROM {{ ref('fct_hires') }} AS hires
  WHERE CAST(hire_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, days_to_fill, hires, positions_filled, time_to_hire) AS HUGEINT)), '9fa0dd933f04daae') AS inputs
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
    WHEN GROUPING(country_member) = 0 THEN 'country'
    WHEN GROUPING(department_member) = 0 THEN 'department'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(country_member) = 0 THEN COALESCE(CAST(country_member AS STRING), '_U')
    WHEN GROUPING(department_member) = 0 THEN COALESCE(CAST(department_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(days_to_fill) AS days_to_fill,
  SUM(positions_filled) AS positions_filled,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(country_member, department_member, days_to_fill, hires, positions_filled, time_to_hire) AS HUGEINT)), '9fa0dd933f04daae') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, country_member), (day, department_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
