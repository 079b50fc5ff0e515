-- Every measure of hires, for time_to_fill, time_to_hire.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('Q', 'period'), ('A', 'period'), ('M', 'year_to_date'), ('M', 'rolling_12_months')] %}
{% set members = {'_T': "'_T'", 'country': 'country_member', 'department': 'department_member'} %}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_hires_daily') }}
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
    SUM(days_to_fill) AS days_to_fill,
    SUM(positions_filled) AS positions_filled
  FROM {{ ref('rollup_hires_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(hire_date AS DATE) AS day,
    country AS country_member,
    department AS department_member,
    application_id AS hires,
    days_to_hire AS time_to_hire
  FROM {{ ref('fct_hires') }} AS hires
  WHERE CAST(hire_date AS DATE) IS NOT NULL
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
    FROM {{ ref('rollup_hires_daily') }}
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
), keys_of_hires AS MATERIALIZED (
  -- Each application_id once per piece, with the members that it is seen in.
  SELECT piece, word, hires AS key, BIT_OR(bits) AS bits
  FROM coded
  GROUP BY piece, word, hires
), by_hires AS (
  {% for freq, span in spans %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    segment,
    member,
    CAST(SUM(n_keys) AS BIGINT) AS hires
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits
      FROM keys_of_hires
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
), values_of_time_to_hire AS NOT MATERIALIZED (
  SELECT
    piece,
    country_member,
    department_member,
    time_to_hire AS value,
    {{ value_code('time_to_hire') }} AS code
  FROM fact
  INNER JOIN pieces USING (day)
  WHERE NOT time_to_hire IS NULL
), bins_of_time_to_hire AS MATERIALIZED (
  -- Ranges of values, narrow where the quantiles of all rows are.
  SELECT
    code,
    {{ quantile_bin('(upto - n) / total', 'upto / total', [0.5]) }} AS bin
  FROM (
    SELECT code, COUNT(*) AS n, SUM(COUNT(*)) OVER (ORDER BY code) AS upto, SUM(COUNT(*)) OVER () AS total
    FROM values_of_time_to_hire
    GROUP BY code
  ) AS codes
), counts_of_time_to_hire AS (
  SELECT
    piece,
    bin,
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
    COUNT(*) AS n,
    MIN(value) AS least,
    MAX(value) AS greatest
  FROM values_of_time_to_hire
  INNER JOIN bins_of_time_to_hire USING (code)
  GROUP BY GROUPING SETS ((piece, bin), (piece, bin, country_member), (piece, bin, department_member))
), ranks_of_time_to_hire AS (
  -- A bin's values have the ranks from `below` on, among all of a member, from 0.
  SELECT
    *,
    CAST(SUM(n) OVER (PARTITION BY freq, span, period_start, segment, member ORDER BY bin) AS BIGINT) - n AS below,
    CAST(SUM(n) OVER (PARTITION BY freq, span, period_start, segment, member) AS BIGINT) AS total
  FROM (
    SELECT freq, span, period_start, segment, member, bin, CAST(SUM(n) AS BIGINT) AS n, MIN(least) AS least, MAX(greatest) AS greatest
    FROM counts_of_time_to_hire
    INNER JOIN period_pieces USING (piece)
    GROUP BY freq, span, period_start, segment, member, bin
  ) AS counts
), bins_with_time_to_hire AS MATERIALIZED (
  SELECT *
  FROM (
    SELECT *,
      CAST(0.5 AS DOUBLE) * (total - 1) AS time_to_hire_rank
    FROM ranks_of_time_to_hire
  ) AS ranks
  WHERE (below <= CEIL(time_to_hire_rank) AND below + n > FLOOR(time_to_hire_rank))
), wanted_time_to_hire AS MATERIALIZED (
  -- One value alone in a bin is known; of others the rows tell.
  SELECT *
  FROM bins_with_time_to_hire
  INNER JOIN period_pieces USING (freq, span, period_start)
  WHERE least < greatest
), codes_with_time_to_hire AS MATERIALIZED (
  SELECT DISTINCT piece, code, bin
  FROM wanted_time_to_hire
  INNER JOIN bins_of_time_to_hire USING (bin)
), rows_with_time_to_hire AS (
  SELECT
    piece,
    bin,
    value,
    UNNEST(['_T', 'country', 'department']) AS segment,
    UNNEST(['_T', COALESCE(CAST(country_member AS STRING), '_U'), COALESCE(CAST(department_member AS STRING), '_U')]) AS member
  FROM values_of_time_to_hire
  INNER JOIN codes_with_time_to_hire USING (piece, code)
), ranked_time_to_hire AS (
  SELECT
    freq, span, period_start, segment, member,
    below + ROW_NUMBER() OVER (PARTITION BY freq, span, period_start, segment, member, bin ORDER BY value) - 1 AS below,
    1 AS n,
    value,
    time_to_hire_rank
  FROM rows_with_time_to_hire
  INNER JOIN wanted_time_to_hire USING (piece, bin, segment, member)
), by_time_to_hire AS (
  SELECT
    freq, span, period_start, segment, member,
    {{ interpolated('time_to_hire_lower', 'time_to_hire_upper', 'time_to_hire_rank') }} AS time_to_hire
  FROM (
    SELECT
      freq, span, period_start, segment, member,
      MAX(time_to_hire_rank) AS time_to_hire_rank,
      MAX(value) FILTER (WHERE below <= FLOOR(time_to_hire_rank) AND below + n > FLOOR(time_to_hire_rank)) AS time_to_hire_lower,
      MAX(value) FILTER (WHERE below <= CEIL(time_to_hire_rank) AND below + n > CEIL(time_to_hire_rank)) AS time_to_hire_upper
    FROM (
      SELECT *
      FROM ranked_time_to_hire
      UNION ALL BY NAME
      SELECT freq, span, period_start, segment, member, below, n, least AS value, time_to_hire_rank
      FROM bins_with_time_to_hire
      WHERE least = greatest
      UNION ALL BY NAME
      SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
      FROM period_pieces
    ) AS ranked
    GROUP BY freq, span, period_start, segment, member
  ) AS neighbours
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN by_hires USING (freq, span, period_start, segment, member)
  FULL OUTER JOIN by_time_to_hire USING (freq, span, period_start, segment, member)
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
