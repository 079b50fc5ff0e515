-- Gender pay gap (unadjusted) (gender_pay_gap). Written by `kpi compile`; change the definition, not this file.
WITH employee_days_headcount AS (
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
), employee_days_hourly_pay_men AS (
  SELECT
    'M' AS freq,
    CAST(subq_3.metric_time__month AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_3.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_3.department) = 0
      THEN COALESCE(CAST(subq_3.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(subq_3.__hourly_pay_men) AS hourly_pay_men,
    COUNT(DISTINCT subq_3.__men) AS men
  FROM (
    SELECT
      men AS __men,
      hourly_pay_men AS __hourly_pay_men,
      date_day__day,
      metric_time__month,
      department
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('MONTH', date_day) AS metric_time__month,
        department,
        sex AS employee_day__sex,
        employee_id AS men,
        hourly_pay AS hourly_pay_men
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'M'
  ) AS subq_3
  INNER JOIN (
    SELECT
      metric_time__month,
      MAX(date_day__day) AS date_day__day__complete
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('MONTH', date_day) AS metric_time__month,
        sex AS employee_day__sex
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'M'
    GROUP BY
      metric_time__month
  ) AS subq_5
    ON subq_3.date_day__day = subq_5.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_3.metric_time__month
      ),
      (subq_3.metric_time__month, subq_3.department)
    )
  HAVING
    NOT period_start IS NULL
  UNION ALL
  SELECT
    'Q' AS freq,
    CAST(subq_3.metric_time__quarter AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_3.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_3.department) = 0
      THEN COALESCE(CAST(subq_3.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(subq_3.__hourly_pay_men) AS hourly_pay_men,
    COUNT(DISTINCT subq_3.__men) AS men
  FROM (
    SELECT
      men AS __men,
      hourly_pay_men AS __hourly_pay_men,
      date_day__day,
      metric_time__quarter,
      department
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
        department,
        sex AS employee_day__sex,
        employee_id AS men,
        hourly_pay AS hourly_pay_men
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'M'
  ) AS subq_3
  INNER JOIN (
    SELECT
      metric_time__quarter,
      MAX(date_day__day) AS date_day__day__complete
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
        sex AS employee_day__sex
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'M'
    GROUP BY
      metric_time__quarter
  ) AS subq_5
    ON subq_3.date_day__day = subq_5.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_3.metric_time__quarter
      ),
      (subq_3.metric_time__quarter, subq_3.department)
    )
  HAVING
    NOT period_start IS NULL
  UNION ALL
  SELECT
    'A' AS freq,
    CAST(subq_3.metric_time__year AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_3.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_3.department) = 0
      THEN COALESCE(CAST(subq_3.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(subq_3.__hourly_pay_men) AS hourly_pay_men,
    COUNT(DISTINCT subq_3.__men) AS men
  FROM (
    SELECT
      men AS __men,
      hourly_pay_men AS __hourly_pay_men,
      date_day__day,
      metric_time__year,
      department
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('YEAR', date_day) AS metric_time__year,
        department,
        sex AS employee_day__sex,
        employee_id AS men,
        hourly_pay AS hourly_pay_men
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'M'
  ) AS subq_3
  INNER JOIN (
    SELECT
      metric_time__year,
      MAX(date_day__day) AS date_day__day__complete
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('YEAR', date_day) AS metric_time__year,
        sex AS employee_day__sex
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'M'
    GROUP BY
      metric_time__year
  ) AS subq_5
    ON subq_3.date_day__day = subq_5.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_3.metric_time__year
      ),
      (subq_3.metric_time__year, subq_3.department)
    )
  HAVING
    NOT period_start IS NULL
), employee_days_hourly_pay_women AS (
  SELECT
    'M' AS freq,
    CAST(subq_3.metric_time__month AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_3.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_3.department) = 0
      THEN COALESCE(CAST(subq_3.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(subq_3.__hourly_pay_women) AS hourly_pay_women,
    COUNT(DISTINCT subq_3.__women) AS women
  FROM (
    SELECT
      women AS __women,
      hourly_pay_women AS __hourly_pay_women,
      date_day__day,
      metric_time__month,
      department
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('MONTH', date_day) AS metric_time__month,
        department,
        sex AS employee_day__sex,
        employee_id AS women,
        hourly_pay AS hourly_pay_women
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'F'
  ) AS subq_3
  INNER JOIN (
    SELECT
      metric_time__month,
      MAX(date_day__day) AS date_day__day__complete
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('MONTH', date_day) AS metric_time__month,
        sex AS employee_day__sex
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'F'
    GROUP BY
      metric_time__month
  ) AS subq_5
    ON subq_3.date_day__day = subq_5.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_3.metric_time__month
      ),
      (subq_3.metric_time__month, subq_3.department)
    )
  HAVING
    NOT period_start IS NULL
  UNION ALL
  SELECT
    'Q' AS freq,
    CAST(subq_3.metric_time__quarter AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_3.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_3.department) = 0
      THEN COALESCE(CAST(subq_3.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(subq_3.__hourly_pay_women) AS hourly_pay_women,
    COUNT(DISTINCT subq_3.__women) AS women
  FROM (
    SELECT
      women AS __women,
      hourly_pay_women AS __hourly_pay_women,
      date_day__day,
      metric_time__quarter,
      department
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
        department,
        sex AS employee_day__sex,
        employee_id AS women,
        hourly_pay AS hourly_pay_women
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'F'
  ) AS subq_3
  INNER JOIN (
    SELECT
      metric_time__quarter,
      MAX(date_day__day) AS date_day__day__complete
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('QUARTER', date_day) AS metric_time__quarter,
        sex AS employee_day__sex
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'F'
    GROUP BY
      metric_time__quarter
  ) AS subq_5
    ON subq_3.date_day__day = subq_5.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_3.metric_time__quarter
      ),
      (subq_3.metric_time__quarter, subq_3.department)
    )
  HAVING
    NOT period_start IS NULL
  UNION ALL
  SELECT
    'A' AS freq,
    CAST(subq_3.metric_time__year AS DATE) AS period_start,
    CASE WHEN GROUPING(subq_3.department) = 0 THEN 'department' ELSE '_T' END AS segment,
    CASE
      WHEN GROUPING(subq_3.department) = 0
      THEN COALESCE(CAST(subq_3.department AS TEXT), '_U')
      ELSE '_T'
    END AS member,
    SUM(subq_3.__hourly_pay_women) AS hourly_pay_women,
    COUNT(DISTINCT subq_3.__women) AS women
  FROM (
    SELECT
      women AS __women,
      hourly_pay_women AS __hourly_pay_women,
      date_day__day,
      metric_time__year,
      department
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('YEAR', date_day) AS metric_time__year,
        department,
        sex AS employee_day__sex,
        employee_id AS women,
        hourly_pay AS hourly_pay_women
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'F'
  ) AS subq_3
  INNER JOIN (
    SELECT
      metric_time__year,
      MAX(date_day__day) AS date_day__day__complete
    FROM (
      SELECT
        DATE_TRUNC('DAY', date_day) AS date_day__day,
        DATE_TRUNC('YEAR', date_day) AS metric_time__year,
        sex AS employee_day__sex
      FROM {{ ref('fct_employee_days') }} AS employee_days
    ) AS subq_2
    WHERE
      employee_day__sex = 'F'
    GROUP BY
      metric_time__year
  ) AS subq_5
    ON subq_3.date_day__day = subq_5.date_day__day__complete
  GROUP BY
    GROUPING SETS (
      (
        subq_3.metric_time__year
      ),
      (subq_3.metric_time__year, subq_3.department)
    )
  HAVING
    NOT period_start IS NULL
)
SELECT
  'gender_pay_gap' AS kpi_id,
  freq,
  {{ time_period('freq', 'period_start') }} AS time_period,
  period_start,
  {{ period_end('freq', 'period_start') }} AS period_end,
  segment,
  member,
  CAST((
    CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE)
  ) - (
    CAST(hourly_pay_women AS DOUBLE) / CAST(NULLIF(women, 0) AS DOUBLE)
  ) AS DOUBLE) / CAST(NULLIF(CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE), 0) AS DOUBLE) AS obs_value,
  CAST((
    CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE)
  ) - (
    CAST(hourly_pay_women AS DOUBLE) / CAST(NULLIF(women, 0) AS DOUBLE)
  ) AS DOUBLE) AS numerator,
  CAST(hourly_pay_men AS DOUBLE) / CAST(NULLIF(men, 0) AS DOUBLE) AS denominator,
  CAST(COALESCE(headcount, 0) AS BIGINT) AS n_obs,
  CAST(COALESCE(women, 0) AS BIGINT) AS n_persons_numerator,
  CAST(COALESCE(men, 0) AS BIGINT) AS n_persons_denominator,
  'febd833785968835' AS definition_hash,
  '{{ invocation_id }}' AS batch_id
FROM (
  SELECT
    *
  FROM employee_days_headcount
  FULL OUTER JOIN employee_days_hourly_pay_men
    USING (freq, period_start, segment, member)
  FULL OUTER JOIN employee_days_hourly_pay_women
    USING (freq, period_start, segment, member)
) AS leaves
