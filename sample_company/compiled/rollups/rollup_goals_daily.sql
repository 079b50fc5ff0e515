-- Days of goals, for goal_attainment.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(due_date AS DATE) AS day,
    kpi_served AS kpi_served_member,
    CONCAT(REPLACE(REPLACE(COALESCE(CAST(kpi_served AS STRING), '_U'), '%', '%25'), ':', '%3A'), ':', REPLACE(REPLACE(COALESCE(CAST(team AS STRING), '_U'), '%', '%25'), ':', '%3A')) AS kpi_served__x__team_member,
    team AS team_member,
    employee_id AS goal_owners,
    weighted_score AS goal_score,
    weight AS goal_weight,
    CASE WHEN NOT goal_id IS NULL THEN 1 ELSE 0 END AS goals_judged
  FROM {{ ref('fct_goals') }} AS goals
  WHERE CAST(due_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(kpi_served_member, kpi_served__x__team_member, team_member, goal_owners, goal_score, goal_weight, goals_judged) AS HUGEINT)), '242b8d7dfcd1a4ac') AS inputs
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
    WHEN GROUPING(kpi_served_member) = 0 THEN 'kpi_served'
    WHEN GROUPING(kpi_served__x__team_member) = 0 THEN 'kpi_served:team'
    WHEN GROUPING(team_member) = 0 THEN 'team'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(kpi_served_member) = 0 THEN COALESCE(CAST(kpi_served_member AS STRING), '_U')
    WHEN GROUPING(kpi_served__x__team_member) = 0 THEN COALESCE(CAST(kpi_served__x__team_member AS STRING), '_U')
    WHEN GROUPING(team_member) = 0 THEN COALESCE(CAST(team_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(goal_score) AS goal_score,
  SUM(goal_weight) AS goal_weight,
  SUM(goals_judged) AS goals_judged,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(kpi_served_member, kpi_served__x__team_member, team_member, goal_owners, goal_score, goal_weight, goals_judged) AS HUGEINT)), '242b8d7dfcd1a4ac') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, kpi_served_member), (day, kpi_served__x__team_member), (day, team_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
