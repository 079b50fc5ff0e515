-- Every measure of defects, for defect_resolution_time_p50, defect_resolution_time_p90.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('W', 'period'), ('M', 'period'), ('Q', 'period'), ('A', 'period'), ('M', 'year_to_date'), ('M', 'rolling_12_months')] %}
{% set members = {'_T': "'_T'", 'service': 'service_member', 'severity': 'severity_member'} %}
WITH days AS (
  SELECT day, inputs
  FROM {{ ref('rollup_defects_daily') }}
  WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['W', 'M', 'Q', 'A'], to_date=True) }}
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
    SUM(defects_closed) AS defects_closed
  FROM {{ ref('rollup_defects_daily') }} AS daily
  INNER JOIN changed_days USING (day)
  WHERE n_rows > 0
  GROUP BY freq, span, period_start, segment, member
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(closed_date AS DATE) AS day,
    service AS service_member,
    severity AS severity_member,
    resolution_hours AS defect_resolution_time_p50,
    resolution_hours AS defect_resolution_time_p90
  FROM {{ ref('fct_defects') }} AS defects
  WHERE CAST(closed_date AS DATE) IS NOT NULL
), pieces AS (
  -- Days that lie in the same periods are one piece.
  SELECT DISTINCT day, GREATEST(CAST(DATE_TRUNC('month', day) AS DATE), CAST(DATE_TRUNC('week', day) AS DATE)) AS piece
  FROM changed_days
), period_pieces AS (
  SELECT DISTINCT freq, span, period_start, GREATEST(CAST(DATE_TRUNC('month', day) AS DATE), CAST(DATE_TRUNC('week', day) AS DATE)) AS piece
  FROM changed_days
), values_of_defect_resolution_time_p50 AS NOT MATERIALIZED (
  SELECT
    piece,
    service_member,
    severity_member,
    defect_resolution_time_p50 AS value,
    {{ value_code('defect_resolution_time_p50') }} AS code
  FROM fact
  INNER JOIN pieces USING (day)
  WHERE NOT defect_resolution_time_p50 IS NULL
), bins_of_defect_resolution_time_p50 AS MATERIALIZED (
  -- Ranges of values, narrow where the quantiles of all rows are.
  SELECT
    code,
    {{ quantile_bin('(upto - n) / total', 'upto / total', [0.5, 0.9]) }} AS bin
  FROM (
    SELECT code, COUNT(*) AS n, SUM(COUNT(*)) OVER (ORDER BY code) AS upto, SUM(COUNT(*)) OVER () AS total
    FROM values_of_defect_resolution_time_p50
    GROUP BY code
  ) AS codes
), counts_of_defect_resolution_time_p50 AS (
  SELECT
    piece,
    bin,
    CASE
      WHEN GROUPING(service_member) = 0 THEN 'service'
      WHEN GROUPING(severity_member) = 0 THEN 'severity'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(service_member) = 0 THEN COALESCE(CAST(service_member AS STRING), '_U')
      WHEN GROUPING(severity_member) = 0 THEN COALESCE(CAST(severity_member AS STRING), '_U')
      ELSE '_T'
    END AS member,
    COUNT(*) AS n,
    MIN(value) AS least,
    MAX(value) AS greatest
  FROM values_of_defect_resolution_time_p50
  INNER JOIN bins_of_defect_resolution_time_p50 USING (code)
  GROUP BY GROUPING SETS ((piece, bin), (piece, bin, service_member), (piece, bin, severity_member))
), ranks_of_defect_resolution_time_p50 AS (
  -- A bin's values have the ranks from `below` on, among all of a member, from 0.
  SELECT
    *,
    CAST(SUM(n) OVER (PARTITION BY freq, span, period_start, segment, member ORDER BY bin) AS BIGINT) - n AS below,
    CAST(SUM(n) OVER (PARTITION BY freq, span, period_start, segment, member) AS BIGINT) AS total
  FROM (
    SELECT freq, span, period_start, segment, member, bin, CAST(SUM(n) AS BIGINT) AS n, MIN(least) AS least, MAX(greatest) AS greatest
    FROM counts_of_defect_resolution_time_p50
    INNER JOIN period_pieces USING (piece)
    GROUP BY freq, span, period_start, segment, member, bin
  ) AS counts
), bins_with_defect_resolution_time_p50 AS MATERIALIZED (
  SELECT *
  FROM (
    SELECT *,
      CAST(0.5 AS DOUBLE) * (total - 1) AS defect_resolution_time_p50_rank,
      CAST(0.9 AS DOUBLE) * (total - 1) AS defect_resolution_time_p90_rank
    FROM ranks_of_defect_resolution_time_p50
  ) AS ranks
  WHERE (below <= CEIL(defect_resolution_time_p50_rank) AND below + n > FLOOR(defect_resolution_time_p50_rank)) OR (below <= CEIL(defect_resolution_time_p90_rank) AND below + n > FLOOR(defect_resolution_time_p90_rank))
), wanted_defect_resolution_time_p50 AS MATERIALIZED (
  -- One value alone in a bin is known; of others the rows tell.
  SELECT *
  FROM bins_with_defect_resolution_time_p50
  INNER JOIN period_pieces USING (freq, span, period_start)
  WHERE least < greatest
), codes_with_defect_resolution_time_p50 AS MATERIALIZED (
  SELECT DISTINCT piece, code, bin
  FROM wanted_defect_resolution_time_p50
  INNER JOIN bins_of_defect_resolution_time_p50 USING (bin)
), rows_with_defect_resolution_time_p50 AS (
  SELECT
    piece,
    bin,
    value,
    UNNEST(['_T', 'service', 'severity']) AS segment,
    UNNEST(['_T', COALESCE(CAST(service_member AS STRING), '_U'), COALESCE(CAST(severity_member AS STRING), '_U')]) AS member
  FROM values_of_defect_resolution_time_p50
  INNER JOIN codes_with_defect_resolution_time_p50 USING (piece, code)
), ranked_defect_resolution_time_p50 AS (
  SELECT
    freq, span, period_start, segment, member,
    below + ROW_NUMBER() OVER (PARTITION BY freq, span, period_start, segment, member, bin ORDER BY value) - 1 AS below,
    1 AS n,
    value,
    defect_resolution_time_p50_rank,
    defect_resolution_time_p90_rank
  FROM rows_with_defect_resolution_time_p50
  INNER JOIN wanted_defect_resolution_time_p50 USING (piece, bin, segment, member)
), by_defect_resolution_time_p50 AS (
  SELECT
    freq, span, period_start, segment, member,
    {{ interpolated('defect_resolution_time_p50_lower', 'defect_resolution_time_p50_upper', 'defect_resolution_time_p50_rank') }} AS defect_resolution_time_p50,
    {{ interpolated('defect_resolution_time_p90_lower', 'defect_resolution_time_p90_upper', 'defect_resolution_time_p90_rank') }} AS defect_resolution_time_p90
  FROM (
    SELECT
      freq, span, period_start, segment, member,
      MAX(defect_resolution_time_p50_rank) AS defect_resolution_time_p50_rank,
      MAX(value) FILTER (WHERE below <= FLOOR(defect_resolution_time_p50_rank) AND below + n > FLOOR(defect_resolution_time_p50_rank)) AS defect_resolution_time_p50_lower,
      MAX(value) FILTER (WHERE below <= CEIL(defect_resolution_time_p50_rank) AND below + n > CEIL(defect_resolution_time_p50_rank)) AS defect_resolution_time_p50_upper,
      MAX(defect_resolution_time_p90_rank) AS defect_resolution_time_p90_rank,
      MAX(value) FILTER (WHERE below <= FLOOR(defect_resolution_time_p90_rank) AND below + n > FLOOR(defect_resolution_time_p90_rank)) AS defect_resolution_time_p90_lower,
      MAX(value) FILTER (WHERE below <= CEIL(defect_resolution_time_p90_rank) AND below + n > CEIL(defect_resolution_time_p90_rank)) AS defect_resolution_time_p90_upper
    FROM (
      SELECT *
      FROM ranked_defect_resolution_time_p50
      UNION ALL BY NAME
      SELECT freq, span, period_start, segment, member, below, n, least AS value, defect_resolution_time_p50_rank, defect_resolution_time_p90_rank
      FROM bins_with_defect_resolution_time_p50
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
  FULL OUTER JOIN by_defect_resolution_time_p50 USING (freq, span, period_start, segment, member)
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
