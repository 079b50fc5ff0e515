-- Headcount (headcount). Written by `kpi compile`; change the definition, not this file.
WITH employee_days AS (
  SELECT
    'M' AS freq,
    CAST(subq_2.metric_time__month AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_2.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_2.department) = 0
      THEN COALESCE(CAST(subq_2.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    COUNT(DISTINCT subq_2.__headcount) AS headcount
  FROM (
    SELECT
      DATE_TRUNC('DAY', date_day) AS date_day__day,
      DATE_TRUNC('MONTH', date_day) AS metric_time__month,
      department,
      employee_id AS __headcount
    FROM {{ ref('fct_employee_days') }} AS employee_days
  ) AS subq_2
  INNER JOIN (
    SELECT
      DATE_TRUNC('MONTH', date_day) AS metric_time__month,
      MAX(DATE_TRUNC('DAY', date_day)) AS date_day__day__complete
    FROM {{ ref('fct_employee_days') }} AS employee_days
    GROUP BY
      DATE_TRUNC('MONTH', date_day)
  ) AS subq_4
    ON subq_2.date_day__day = subq_4.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_2.metric_time__month
      ),
      (subq_2.metric_time__month, subq_2.department)
    )
  HAVING
    NOT period_start IS NULL
  UNION ALL
  SELECT
    'Q' AS freq,
    CAST(subq_2.metric_time__quarter AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_2.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_2.department) = 0
      THEN COALESCE(CAST(subq_2.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    COUNT(DISTINCT subq_2.__headcount) AS headcount
  FROM (
    SELECT
      DATE_TRUNC('DAY', date_day) AS date_day__day,
      DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
      department,
      employee_id AS __headcount
    FROM {{ ref('fct_employee_days') }} AS employee_days
  ) AS subq_2
  INNER JOIN (
    SELECT
      DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
      MAX(DATE_TRUNC('DAY', date_day)) AS date_day__day__complete
    FROM {{ ref('fct_employee_days') }} AS employee_days
    GROUP BY
      DATE_TRUNC('QUARTER', date_day)
  ) AS subq_4
    ON subq_2.date_day__day = subq_4.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_2.metric_time__quarter
      ),
      (subq_2.metric_time__quarter, subq_2.department)
    )
  HAVING
    NOT period_start IS NULL
  UNION ALL
  SELECT
    'A' AS freq,
    CAST(subq_2.metric_time__year AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_2.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_2.department) = 0
      THEN COALESCE(CAST(subq_2.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    COUNT(DISTINCT subq_2.__headcount) AS headcount
  FROM (
    SELECT
      DATE_TRUNC('DAY', date_day) AS date_day__day,
      DATE_TRUNC('YEAR', date_day) AS metric_time__year,
      department,
      employee_id AS __headcount
    FROM {{ ref('fct_employee_days') }} AS employee_days
  ) AS subq_2
  INNER JOIN (
    SELECT
      DATE_TRUNC('YEAR', date_day) AS metric_time__year,
      MAX(DATE_TRUNC('DAY', date_day)) AS date_day__day__complete
    FROM {{ ref('fct_employee_days') }} AS employee_days
    GROUP BY
      DATE_TRUNC('YEAR', date_day)
  ) AS subq_4
    ON subq_2.date_day__day = subq_4.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_2.metric_time__year
      ),
      (subq_2.metric_time__year, subq_2.department)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'headcount' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST(headcount AS DOUBLE) AS obs_value,
  CAST(headcount AS DOUBLE) AS numerator,
  CAST(NULL AS DOUBLE) AS denominator,
  CAST(COALESCE(headcount, 0) AS BIGINT) AS n_obs,
  CAST(COALESCE(headcount, 0) AS BIGINT) AS n_persons_numerator,
  CAST(NULL AS BIGINT) AS n_persons_denominator,
  'e2768e631bc9eeec' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM employee_days
