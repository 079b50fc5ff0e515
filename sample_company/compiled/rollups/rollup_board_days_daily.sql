-- Days of board_days, for women_on_board.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key='day'
) }}
WITH fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    seat_type AS seat_type_member,
    CASE WHEN NOT board_day_id IS NULL THEN 1 ELSE 0 END AS board_members,
    CASE WHEN sex = 'F' THEN CASE WHEN NOT board_day_id IS NULL THEN 1 ELSE 0 END END AS women_board_members,
    sex = 'F' AS women_board_members_counts
  FROM {{ ref('fct_board_days') }} AS board_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
){% if is_incremental() %}, inputs AS (
  SELECT day, CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(seat_type_member, board_members, women_board_members, women_board_members_counts) AS HUGEINT)), 'b6b57d62cb4ec2f1') AS inputs
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
    WHEN GROUPING(seat_type_member) = 0 THEN 'seat_type'
    ELSE '_T'
  END AS segment,
  CASE
    WHEN GROUPING(seat_type_member) = 0 THEN COALESCE(CAST(seat_type_member AS STRING), '_U')
    ELSE '_T'
  END AS member,
  COUNT(*) AS n_rows,
  SUM(board_members) AS board_members,
  SUM(women_board_members) AS women_board_members,
  COUNT(*) AS board_members_rows,
  COUNT_IF(women_board_members_counts) AS women_board_members_rows,
  CONCAT_WS(' ', COUNT(*), SUM(CAST(HASH(seat_type_member, board_members, women_board_members, women_board_members_counts) AS HUGEINT)), 'b6b57d62cb4ec2f1') AS inputs
FROM fact
{% if is_incremental() %}SEMI JOIN changed USING (day)
{% endif %}GROUP BY GROUPING SETS ((day), (day, seat_type_member))
{% if is_incremental() %}UNION ALL BY NAME
-- A day that has no rows any more.
SELECT DISTINCT day, '_T' AS segment, '_T' AS member, 0 AS n_rows
FROM {{ this }} ANTI JOIN inputs USING (day)
{% endif %}
