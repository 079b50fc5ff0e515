
    

    create  table
      "warehouse"."kpi"."kpi_absence_rate__dbt_tmp"
  
    
    as (
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
    FROM "warehouse"."marts"."fct_absence_days" AS absence_days
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
    FROM "warehouse"."marts"."fct_employee_days" AS employee_days
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
  case freq
        when 'W' then strftime(period_start, '%G-W%V')
        when 'M' then strftime(period_start, '%Y-%m')
        when 'Q' then strftime(period_start, '%Y') || '-Q' || quarter(period_start)
        when 'A' then strftime(period_start, '%Y')
    end AS time_period,
  period_start,
  cast(
        case freq
            when 'W' then period_start + interval 7 day
            when 'M' then period_start + interval 1 month
            when 'Q' then period_start + interval 3 month
            when 'A' then period_start + interval 1 year
        end - interval 1 day as date
    ) AS period_end,
  segment,
  member,
  CAST(absence_days AS DOUBLE) / CAST(NULLIF(contracted_days, 0) AS DOUBLE) AS obs_value,
  CAST(absence_days AS DOUBLE) AS numerator,
  CAST(contracted_days AS DOUBLE) AS denominator,
  CAST(contracted_days AS BIGINT) AS n_obs,
  CAST(absent_employees AS BIGINT) AS n_persons_numerator,
  CAST(employees_in_period AS BIGINT) AS n_persons_denominator,
  'afd886d1f5f06a5a' AS definition_hash,
  'fff8db8b-511b-4b65-8ff2-87f3e0536f65' AS batch_id
FROM (
  SELECT
    *
  FROM absence_days
  FULL OUTER JOIN employee_days
    USING (freq, period_start, segment, member)
) AS leaves
    );
    
  