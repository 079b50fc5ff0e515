-- Every measure of survey_answers, for engagement_score, enps.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('Q', 'period'), ('A', 'period'), ('M', 'year_to_date'), ('M', 'rolling_12_months')] %}
{% set members = {'_T': "'_T'", 'country': 'country_member', 'department': 'department_member'} %}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_survey_answers_daily') }}
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
    SUM(engagement_answers) AS engagement_answers,
    SUM(enps_answers) AS enps_answers,
    SUM(enps_detractors) AS enps_detractors,
    SUM(enps_promoters) AS enps_promoters,
    SUM(favourable_answers) AS favourable_answers
  FROM {{ ref('rollup_survey_answers_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(answer_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    employee_id AS enps_promoting_employees,
    employee_id AS enps_respondents,
    employee_id AS favourable_respondents,
    employee_id AS unfavourable_respondents,
    is_promoter AS enps_promoting_employees_counts,
    NOT is_promoter IS NULL AS enps_respondents_counts,
    is_favourable AS favourable_respondents_counts,
    NOT is_favourable AS unfavourable_respondents_counts
  FROM {{ ref('fct_survey_answers') }} AS survey_answers
  WHERE CAST(answer_date AS DATE) IS NOT NULL
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
    FROM {{ ref('rollup_survey_answers_daily') }}
    WHERE n_rows > 0
    GROUP BY segment, member
  ) AS numbered
), segment_bits AS (
  SELECT segment, word, BIT_OR(bit) AS segment_bits
  FROM members
  GROUP BY segment, word
), coded AS (
  SELECT fact.*, piece, 0 AS word, CAST(1 AS BIGINT) | COALESCE(country_bits.bit, 0) | COALESCE(department_bits.bit, 0) AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  LEFT JOIN members AS country_bits
    ON country_bits.segment = 'country' AND country_bits.member = COALESCE(CAST(country_member AS STRING), '_U') AND country_bits.word = 0
  LEFT JOIN members AS department_bits
    ON department_bits.segment = 'department' AND department_bits.member = COALESCE(CAST(department_member AS STRING), '_U') AND department_bits.word = 0
  UNION ALL
  SELECT fact.*, piece, members.word, members.bit AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  INNER JOIN members
    ON members.segment = 'country' AND members.member = COALESCE(CAST(country_member AS STRING), '_U') AND members.word > 0
  UNION ALL
  SELECT fact.*, piece, members.word, members.bit AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  INNER JOIN members
    ON members.segment = 'department' AND members.member = COALESCE(CAST(department_member AS STRING), '_U') AND members.word > 0
), keys_of_enps_promoting_employees AS MATERIALIZED (
  -- Each employee_id once per piece, with the members that it is seen in.
  SELECT piece, word, enps_promoting_employees AS key, BIT_OR(bits) AS bits,
    BIT_OR(bits) FILTER (WHERE enps_promoting_employees_counts) AS enps_promoting_employees,
    BIT_OR(bits) FILTER (WHERE enps_respondents_counts) AS enps_respondents,
    BIT_OR(bits) FILTER (WHERE favourable_respondents_counts) AS favourable_respondents,
    BIT_OR(bits) FILTER (WHERE unfavourable_respondents_counts) AS unfavourable_respondents
  FROM coded
  GROUP BY piece, word, enps_promoting_employees
), by_enps_promoting_employees AS (
  {% for freq, span in spans %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    segment,
    member,
    CAST(SUM(n_keys) FILTER (WHERE enps_promoting_employees & bit <> 0) AS BIGINT) AS enps_promoting_employees,
    CAST(SUM(n_keys) FILTER (WHERE enps_respondents & bit <> 0) AS BIGINT) AS enps_respondents,
    CAST(SUM(n_keys) FILTER (WHERE favourable_respondents & bit <> 0) AS BIGINT) AS favourable_respondents,
    CAST(SUM(n_keys) FILTER (WHERE unfavourable_respondents & bit <> 0) AS BIGINT) AS unfavourable_respondents
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits,
      enps_promoting_employees & segment_bits AS enps_promoting_employees,
      enps_respondents & segment_bits AS enps_respondents,
      favourable_respondents & segment_bits AS favourable_respondents,
      unfavourable_respondents & segment_bits AS unfavourable_respondents
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits,
        BIT_OR(enps_promoting_employees) AS enps_promoting_employees,
        BIT_OR(enps_respondents) AS enps_respondents,
        BIT_OR(favourable_respondents) AS favourable_respondents,
        BIT_OR(unfavourable_respondents) AS unfavourable_respondents
      FROM keys_of_enps_promoting_employees
      INNER JOIN period_pieces USING (piece)
      WHERE freq = '{{ freq }}' AND span = '{{ span }}'
      GROUP BY period_start, word, key
    ) AS keys
    INNER JOIN segment_bits USING (word)
    GROUP BY period_start, segment, word, bits & segment_bits, enps_promoting_employees & segment_bits, enps_respondents & segment_bits, favourable_respondents & segment_bits, unfavourable_respondents & segment_bits
  ) AS sets
  INNER JOIN members USING (segment, word)
  WHERE bits & bit <> 0
  GROUP BY period_start, segment, member
  {{ "UNION ALL" if not loop.last }}
  {% endfor %}
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN by_enps_promoting_employees USING (freq, span, period_start, segment, member)
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
