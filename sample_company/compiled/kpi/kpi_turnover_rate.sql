-- Employee turnover rate (turnover_rate). Written by `kpi compile`; change the definition, not this file.
WITH employee_days AS (
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
    SUM(__employee_days) AS employee_days,
    COUNT(DISTINCT __employees_in_period) AS employees_in_period,
    COUNT(DISTINCT __staffed_days) AS staffed_days
  FROM (
    SELECT
      DATE_TRUNC('MONTH', date_day) AS metric_time__month,
      DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
      DATE_TRUNC('YEAR', date_day) AS metric_time__year,
      department,
      country,
      employee_id AS __employees_in_period,
      CASE WHEN NOT employee_id IS NULL THEN 1 ELSE 0 END AS __employee_days,
      date_day AS __staffed_days
    FROM {{ ref('fct_employee_days') }} AS employee_days
  ) AS subq_3
  GROUP BY
    GROUPING SETS (
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
), exits AS (
  SELECT
    CASE
      WHEN GROUPING(DATE_TRUNC('MONTH', exit_date)) = 0
      THEN 'M'
      WHEN GROUPING(DATE_TRUNC('QUARTER', exit_date)) = 0
      THEN 'Q'
      WHEN GROUPING(DATE_TRUNC('YEAR', exit_date)) = 0
      THEN 'A'
    END AS freq,
    CAST(COALESCE(
      DATE_TRUNC('MONTH', exit_date),
      DATE_TRUNC('QUARTER', exit_date),
      DATE_TRUNC('YEAR', exit_date)
    ) AS DATE) AS period_start,
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
    COUNT(DISTINCT employee_id) AS leavers
  FROM {{ ref('fct_exits') }} AS exits
  GROUP BY
    GROUPING SETS (
      (
        DATE_TRUNC('MONTH', exit_date)
      ),
      (DATE_TRUNC('MONTH', exit_date), department),
      (DATE_TRUNC('MONTH', exit_date), country),
      (
        DATE_TRUNC('QUARTER', exit_date)
      ),
      (DATE_TRUNC('QUARTER', exit_date), department),
      (DATE_TRUNC('QUARTER', exit_date), country),
      (
        DATE_TRUNC('YEAR', exit_date)
      ),
      (DATE_TRUNC('YEAR', exit_date), department),
      (DATE_TRUNC('YEAR', exit_date), country)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'turnover_rate' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  COALESCE(leavers, 0) / NULLIF((
    CAST(employee_days AS DOUBLE) / CAST(NULLIF(staffed_days, 0) AS DOUBLE)
  ), 0) AS obs_value,
  CAST(COALESCE(leavers, 0) AS DOUBLE) AS numerator,
  CAST(NULLIF((
    CAST(employee_days AS DOUBLE) / CAST(NULLIF(staffed_days, 0) AS DOUBLE)
  ), 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(employees_in_period, 0) AS BIGINT) AS n_obs,
  CAST(COALESCE(leavers, 0) AS BIGINT) AS n_persons_numerator,
  CAST(COALESCE(employees_in_period, 0) AS BIGINT) AS n_persons_denominator,
  'f0c89f93937b2b90' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM employee_days
  FULL OUTER JOIN exits
    USING (freq, period_start, segment, member)
) AS leaves
