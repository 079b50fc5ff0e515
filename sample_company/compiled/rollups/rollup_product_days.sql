-- Every measure of product_days, for product_adoption_rate, stickiness_dau_mau.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('W', 'period'), ('M', 'period'), ('Q', 'period'), ('A', 'period')] %}
{% set members = {'_T': "'_T'", 'country': 'country_member', 'platform': 'platform_member'} %}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_product_days_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=False) }}
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
    SUM(product_calendar_days) AS product_calendar_days
  FROM {{ ref('rollup_product_days_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    country AS country_member,
    platform AS platform_member,
    adopter_id AS product_adopters,
    user_day AS product_user_days,
    user_id AS product_users
  FROM {{ ref('fct_product_days') }} AS product_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
), pieces AS (
  -- Days that lie in the same periods are one piece.
  SELECT DISTINCT day, GREATEST(CAST(DATE_TRUNC('month', day) AS DATE), CAST(DATE_TRUNC('week', day) AS DATE)) AS piece
  FROM changed_days
), period_pieces AS (
  SELECT DISTINCT freq, span, period_start, GREATEST(CAST(DATE_TRUNC('month', day) AS DATE), CAST(DATE_TRUNC('week', day) AS DATE)) AS piece
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
    FROM {{ ref('rollup_product_days_daily') }}
    WHERE n_rows > 0
    GROUP BY segment, member
  ) AS numbered
), segment_bits AS (
  SELECT segment, word, BIT_OR(bit) AS segment_bits
  FROM members
  GROUP BY segment, word
), coded AS (
  SELECT fact.*, piece, 0 AS word, CAST(1 AS BIGINT) | COALESCE(country_bits.bit, 0) | COALESCE(platform_bits.bit, 0) AS bits
  FROM fact
  INNER JOIN pieces USING (day)
  LEFT JOIN members AS country_bits
    ON country_bits.segment = 'country' AND country_bits.member = COALESCE(CAST(country_member AS STRING), '_U') AND country_bits.word = 0
  LEFT JOIN members AS platform_bits
    ON platform_bits.segment = 'platform' AND platform_bits.member = COALESCE(CAST(platform_member AS STRING), '_U') AND platform_bits.word = 0
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
    ON members.segment = 'platform' AND members.member = COALESCE(CAST(platform_member AS STRING), '_U') AND members.word > 0
), keys_of_product_adopters AS MATERIALIZED (
  -- Each adopter_id once per piece, with the members that it is seen in.
  SELECT piece, word, product_adopters AS key, BIT_OR(bits) AS bits
  FROM coded
  GROUP BY piece, word, product_adopters
), by_product_adopters AS (
  {% for freq, span in spans %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    segment,
    member,
    CAST(SUM(n_keys) AS BIGINT) AS product_adopters
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits
      FROM keys_of_product_adopters
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
), keys_of_product_user_days AS MATERIALIZED (
  -- Each user_day once per piece, with the members that it is seen in.
  SELECT piece, word, product_user_days AS key, BIT_OR(bits) AS bits
  FROM coded
  GROUP BY piece, word, product_user_days
), by_product_user_days AS (
  {% for freq, span in spans %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    segment,
    member,
    CAST(SUM(n_keys) AS BIGINT) AS product_user_days
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits
      FROM keys_of_product_user_days
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
), keys_of_product_users AS MATERIALIZED (
  -- Each user_id once per piece, with the members that it is seen in.
  SELECT piece, word, product_users AS key, BIT_OR(bits) AS bits
  FROM coded
  GROUP BY piece, word, product_users
), by_product_users AS (
  {% for freq, span in spans %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    segment,
    member,
    CAST(SUM(n_keys) AS BIGINT) AS product_users
  FROM (
    SELECT
      period_start,
      segment,
      word,
      COUNT(key) AS n_keys,
      bits & segment_bits AS bits
    FROM (
      SELECT period_start, word, key, BIT_OR(bits) AS bits
      FROM keys_of_product_users
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
  FULL OUTER JOIN by_product_adopters USING (freq, span, period_start, segment, member)
  FULL OUTER JOIN by_product_user_days USING (freq, span, period_start, segment, member)
  FULL OUTER JOIN by_product_users USING (freq, span, period_start, segment, member)
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
