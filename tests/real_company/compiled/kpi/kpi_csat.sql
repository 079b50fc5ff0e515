-- Customer satisfaction (top-2-box) (csat). Written by `kpi compile`; change the definition, not this file.
WITH support_tickets AS (
  SELECT
    CASE
      WHEN GROUPING(metric_time__month) = 0
      THEN 'M'
      WHEN GROUPING(metric_time__quarter) = 0
      THEN 'Q'
      WHEN GROUPING(metric_time__year) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(metric_time__month, metric_time__quarter, metric_time__year) AS DATE) AS period_start,
    '_T' AS segment,
    '_T' AS member,
    SUM(__satisfied_answers) AS satisfied_answers,
    SUM(__survey_answers) AS survey_answers
  FROM (
    SELECT
      DATE_TRUNC('MONTH', survey_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', survey_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', survey_date) AS metric_time__year,
      CASE WHEN NOT csat_score IS NULL THEN 1 ELSE 0 END AS __survey_answers,
      CASE WHEN is_satisfied THEN 1 ELSE 0 END AS __satisfied_answers
    FROM {{ ref('fct_support_tickets') }} AS support_tickets
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__month
      ),
      (
        metric_time__quarter
      ),
      (
        metric_time__year
      )
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'csat' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(satisfied_answers AS DOUBLE) / CAST(NULLIF(survey_answers, 0) AS DOUBLE) AS obs_value,
  CAST(satisfied_answers AS DOUBLE) AS numerator,
  CAST(survey_answers AS DOUBLE) AS denominator,
  CAST(COALESCE(survey_answers, 0) AS BIGINT) AS n_obs,
  CAST(NULL AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  '7fe0f80b9d11443f' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM support_tickets
