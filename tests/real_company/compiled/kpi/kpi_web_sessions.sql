-- Web sessions (web_sessions). Written by `kpi compile`; change the definition, not this file.
WITH web_sessions AS (
  SELECT
    CASE
      WHEN GROUPING(DATE_TRUNC('WEEK', session_date)) = 0
      THEN 'W'
      WHEN GROUPING(DATE_TRUNC('MONTH', session_date)) = 0
      THEN 'M'
      WHEN GROUPING(DATE_TRUNC('QUARTER', session_date)) = 0
      THEN 'Q'
      WHEN GROUPING(DATE_TRUNC('YEAR', session_date)) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(
      DATE_TRUNC('WEEK', session_date),
      DATE_TRUNC('MONTH', session_date),
      DATE_TRUNC('QUARTER', session_date),
      DATE_TRUNC('YEAR', session_date)
    ) AS DATE) AS period_start,
    '_T' AS segment,
    '_T' AS member,
    SUM(sessions) AS web_sessions
  FROM {{ ref('fct_web_sessions') }} AS web_sessions
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('WEEK', session_date)
      ),
      (
        DATE_TRUNC('MONTH', session_date)
      ),
      (
        DATE_TRUNC('QUARTER', session_date)
      ),
      (
        DATE_TRUNC('YEAR', session_date)
      )
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'web_sessions' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(web_sessions AS DOUBLE) AS obs_value,
  CAST(web_sessions AS DOUBLE) AS numerator,
  CAST(NULL AS DOUBLE) AS denominator,
  CAST(COALESCE(web_sessions, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '56f14a9563f4413d' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM web_sessions
