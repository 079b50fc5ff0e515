-- Every measure of goals, for goal_attainment.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('Q', 'period'), ('A', 'period'), ('M', 'year_to_date'), ('M', 'rolling_12_months')] %}
{% set members = {'_T': "'_T'", 'kpi_served': 'kpi_served_member', 'kpi_served:team': 'kpi_served__x__team_member', 'team': 'team_member'} %}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_goals_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['Q', 'A'], to_date=True) }}
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
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(goal_score) AS goal_score,
    SUM(goal_weight) AS goal_weight,
    SUM(goals_judged) AS goals_judged
  FROM {{ ref('rollup_goals_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(due_date AS DATE) AS day,
    kpi_served AS kpi_served_member,
    CONCAT(REPLACE(REPLACE(COALESCE(CAST(kpi_served AS STRING), '_U'), '%', '%25'), ':', '%3A'), ':', REPLACE(REPLACE(COALESCE(CAST(team AS STRING), '_U'), '%', '%25'), ':', '%3A')) AS kpi_served__x__team_member,
    team AS team_member,
    employee_id AS goal_owners
  FROM {{ ref('fct_goals') }} AS goals
  WHERE CAST(due_date AS DATE) IS NOT NULL
), pieces AS (
  -- Days that lie in the same periods are one piece.
  SELECT DISTINCT day, CAST(DATE_TRUNC('month', day) AS DATE) AS piece
  FROM changed_days
), period_pieces AS (
  SELECT DISTINCT freq, span, period_start, CAST(DATE_TRUNC('month', day) AS DATE) AS piece
  FROM changed_days
), members AS (
  -- Each member is a bit of a word; the total is the first.
  SELECT
    segment,
    member,
    CAST(FLOOR(number / 62) AS INTEGER) AS word,
    CAST(1 AS BIGINT) << CAST(number % 62 AS INTEGER) AS bit
  FROM (
    SELECT
      segment,
      member,
      ROW_NUMBER() OVER (ORDER BY CASE WHEN segment = '_T' THEN 0 ELSE 1 END, segment, member) - 1 AS number
    FROM {{ ref('rollup_goals_daily') }}
    WHERE n_rows > 0
    GROUP BY segment, member
  ) AS numbered
), segment_bits AS (
  SELECT segment, word, BIT_OR(bit) AS segment_bits
  FROM members
  GROUP BY segment, word
), coded AS (
  SELECT fact.*, piece, 0 AS word, CAST(1 AS BIGINT) | COALESCE(kpi_served_bits.bit, 0) | COALESCE(kpi_served__x__team_bits.bit, 0) | COALESCE(team_bits.bit, 0) AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  LEFT JOIN members AS kpi_served_bits
    ON kpi_served_bits.segment = 'kpi_served' AND kpi_served_bits.member = COALESCE(CAST(kpi_served_member AS STRING), '_U') AND kpi_served_bits.word = 0
  LEFT JOIN members AS kpi_served__x__team_bits
    ON kpi_served__x__team_bits.segment = 'kpi_served:team' AND kpi_served__x__team_bits.member = COALESCE(CAST(kpi_served__x__team_member AS STRING), '_U') AND kpi_served__x__team_bits.word = 0
  LEFT JOIN members AS team_bits
    ON team_bits.segment = 'team' AND team_bits.member = COALESCE(CAST(team_member AS STRING), '_U') AND team_bits.word = 0
  UNION ALL
  SELECT fact.*, piece, members.word, members.bit AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  INNER JOIN members
    ON members.segment = 'kpi_served' AND members.member = COALESCE(CAST(kpi_served_member AS STRING), '_U') AND members.word > 0
  UNION ALL
  SELECT fact.*, piece, members.word, members.bit AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  INNER JOIN members
    ON members.segment = 'kpi_served:team' AND members.member = COALESCE(CAST(kpi_served__x__team_member AS STRING), '_U') AND members.word > 0
  UNION ALL
  SELECT fact.*, piece, members.word, members.bit AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  INNER JOIN members
    ON members.segment = 'team' AND members.member = COALESCE(CAST(team_member AS STRING), '_U') AND members.word > 0
), keys_of_goal_owners AS MATERIALIZED (
  -- Each employee_id once per piece, with the members that it is seen in.
  SELECT piece, word, goal_owners AS key, BIT_OR(bits) AS bits
  FROM coded
  GROUP BY piece, word, goal_owners
), by_goal_owners AS (
  {% for freq, span in spans %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    segment,
    member,
    CAST(SUM(n_keys) AS BIGINT) AS goal_owners
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits
      FROM keys_of_goal_owners
      INNER JOIN period_pieces USING (piece)
      WHERE freq = '{{ freq }}' AND span = '{{ span }}'
      GROUP BY period_start, word, key
    ) AS keys
    INNER JOIN segment_bits USING (word)
    GROUP BY period_start, segment, word, bits & segment_bits
  ) AS sets
  INNER JOIN members USING (segment, word)
  WHERE bits & bit <> 0
  GROUP BY period_start, segment, member
  {{ "UNION ALL" if not loop.last }}
  {% endfor %}
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN by_goal_owners USING (freq, span, period_start, segment, member)
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
