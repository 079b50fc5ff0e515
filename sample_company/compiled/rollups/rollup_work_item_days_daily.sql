-- Days of work_item_days, for sprint_burndown_remaining.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(snapshot_date AS DATE) AS day,
    team AS team_member,
    CASE WHEN NOT open_points IS NULL THEN 1 ELSE 0 END AS estimated_work_items,
    open_points AS open_story_points,
    _loaded_at
  FROM {{ ref('fct_work_item_days') }} AS work_item_days
  WHERE CAST(snapshot_date AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'fa3c9cb862a0f981') AS inputs
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
  SUM(estimated_work_items) AS estimated_work_items,
  SUM(open_story_points) AS open_story_points,
  COUNT(*) AS estimated_work_items_rows,
  COUNT(*) AS open_story_points_rows,
  CONCAT_WS(' ', COUNT(*), EPOCH_US(MAX(_loaded_at)), 'fa3c9cb862a0f981') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, team_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
