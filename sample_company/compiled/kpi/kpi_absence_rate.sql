-- Absence rate (absence_rate). Written by `kpi compile`; change the definition, not this file.
WITH absence_days AS (
  SELECT
    CASE
      WHEN GROUPING(metric_time__week) = 0
      THEN 'W'
      WHEN GROUPING(metric_time__month) = 0
      THEN 'M'
      WHEN GROUPING(metric_time__quarter) = 0
      THEN 'Q'
      WHEN GROUPING(metric_time__year) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(metric_time__week, metric_time__month, metric_time__quarter, metric_time__year) AS DATE) AS period_start,
    CASE
      WHEN GROUPING(department) = 0
      THEN 'department'
      WHEN GROUPING(country) = 0
      THEN 'country'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(department) = 0
      THEN COALESCE(CAST(department AS TEXT), '_U')
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(__absence_days) AS absence_days,
    COUNT(DISTINCT __absent_employees) AS absent_employees
  FROM (
    SELECT
      DATE_TRUNC('WEEK', absence_date) AS metric_time__week,
      DATE_TRUNC('MONTH', absence_date) AS metric_time__month,
      DATE_TRUNC('QUARTER', absence_date) AS metric_time__quarter,
      DATE_TRUNC('YEAR', absence_date) AS metric_time__year,
      department,
      country,
      CASE WHEN NOT absence_day_id IS NULL THEN 1 ELSE 0 END AS __absence_days,
      employee_id AS __absent_employees
    FROM {{ ref('fct_absence_days') }} AS absence_days
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, department),
      (metric_time__week, country),
      (
        metric_time__month
      ),
      (metric_time__month, department),
      (metric_time__month, country),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, department),
      (metric_time__quarter, country),
      (
        metric_time__year
      ),
      (metric_time__year, department),
      (metric_time__year, country)
    )
  HAVING
    NOT period_start IS NULL
), employee_days AS (
  SELECT
    CASE
      WHEN GROUPING(metric_time__week) = 0
      THEN 'W'
      WHEN GROUPING(metric_time__month) = 0
      THEN 'M'
      WHEN GROUPING(metric_time__quarter) = 0
      THEN 'Q'
      WHEN GROUPING(metric_time__year) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(metric_time__week, metric_time__month, metric_time__quarter, metric_time__year) AS DATE) AS period_start,
    CASE
      WHEN GROUPING(department) = 0
      THEN 'department'
      WHEN GROUPING(country) = 0
      THEN 'country'
      ELSE '_T'
    END AS segment,
    CASE
      WHEN GROUPING(department) = 0
      THEN COALESCE(CAST(department AS TEXT), '_U')
      WHEN GROUPING(country) = 0
      THEN COALESCE(CAST(country AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(__contracted_days) AS contracted_days,
    COUNT(DISTINCT __employees_in_period) AS employees_in_period
  FROM (
    SELECT
      DATE_TRUNC('WEEK', date_day) AS metric_time__week,
      DATE_TRUNC('MONTH', date_day) AS metric_time__month,
      DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
      DATE_TRUNC('YEAR', date_day) AS metric_time__year,
      department,
      country,
      employee_id AS __employees_in_period,
      CASE WHEN is_working_day THEN 1 ELSE 0 END AS __contracted_days
    FROM {{ ref('fct_employee_days') }} AS employee_days
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
      (
        metric_time__week
      ),
      (metric_time__week, department),
      (metric_time__week, country),
      (
        metric_time__month
      ),
      (metric_time__month, department),
      (metric_time__month, country),
      (
        metric_time__quarter
      ),
      (metric_time__quarter, department),
      (metric_time__quarter, country),
      (
        metric_time__year
      ),
      (metric_time__year, department),
      (metric_time__year, country)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'absence_rate' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  COALESCE(absence_days, 0) / NULLIF(contracted_days, 0) AS obs_value,
  CAST(COALESCE(absence_days, 0) AS DOUBLE) AS numerator,
  CAST(NULLIF(contracted_days, 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(contracted_days, 0) AS BIGINT) AS n_obs,
  CAST(COALESCE(absent_employees, 0) AS BIGINT) AS n_persons_numerator,
  CAST(COALESCE(employees_in_period, 0) AS BIGINT) AS n_persons_denominator,
  '8f50f733d1595ec0' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM absence_days
  FULL OUTER JOIN employee_days
    USING (freq, period_start, segment, member)
) AS leaves
