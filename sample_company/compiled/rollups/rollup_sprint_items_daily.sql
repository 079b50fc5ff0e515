-- Days of sprint_items, for sprint_commitment_reliability, sprint_velocity.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(end_date AS DATE) AS day,
    team AS team_member,
    committed_points AS committed_points,
    CASE WHEN is_done THEN committed_points ELSE 0 END AS committed_points_done,
    done_points AS sprint_velocity,
    sprint_id AS sprints_ended
  FROM {{ ref('fct_sprint_items') }} AS sprint_items
  WHERE CAST(end_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(team_member, committed_points, committed_points_done, sprint_velocity, sprints_ended) AS HUGEINT)), 'bf6bf57c7b2ff2b7') AS inputs
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
    WHEN GROUPING(team_member) = 0 THEN 'team'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(team_member) = 0 THEN COALESCE(CAST(team_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(committed_points) AS committed_points,
  SUM(committed_points_done) AS committed_points_done,
  SUM(sprint_velocity) AS sprint_velocity,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(team_member, committed_points, committed_points_done, sprint_velocity, sprints_ended) AS HUGEINT)), 'bf6bf57c7b2ff2b7') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, team_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
