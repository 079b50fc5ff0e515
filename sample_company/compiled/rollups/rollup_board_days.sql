-- Every measure of board_days, for women_on_board.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_board_days_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['Q', 'A'], to_date=False) }}
), inputs AS (
  SELECT freq, span, period_start, MD5(STRING_AGG(inputs, ' ' ORDER BY day)) AS inputs
  FROM period_days
  INNER JOIN days USING (day)
  GROUP BY freq, span, period_start
), changed AS (
  SELECT freq, span, period_start, inputs
  FROM inputs{% if is_incremental() %} ANTI JOIN {{ this }} USING (freq, span, period_start, inputs){% endif %}
), changed_days AS (
  SELECT freq, span, period_start, day
  FROM changed
  INNER JOIN period_days USING (freq, span, period_start)
), stock_days AS (
  -- The one day of the period that each stock is taken from.
  SELECT
    freq,
    period_start,
    MAX(day) FILTER (WHERE board_members_rows > 0) AS board_members_day,
    MAX(day) FILTER (WHERE women_board_members_rows > 0) AS women_board_members_day
  FROM {{ ref('rollup_board_days_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0 AND segment = '_T' AND span = 'period'
  GROUP BY freq, period_start
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    MAX(board_members) FILTER (WHERE span = 'period' AND day = board_members_day AND board_members_rows > 0) AS board_members,
    MAX(women_board_members) FILTER (WHERE span = 'period' AND day = women_board_members_day AND women_board_members_rows > 0) AS women_board_members
  FROM {{ ref('rollup_board_days_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  LEFT JOIN stock_days USING (freq, period_start)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
)
SELECT *
FROM rolled_up
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
