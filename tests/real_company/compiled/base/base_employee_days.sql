-- Every leaf of employee_days, for absence_rate, gender_pay_gap, headcount, turnover_rate.
-- Written by `kpi compile`; change the definitions, not this file.
WITH days AS (
  SELECT * FROM {{ ref('base_employee_days_daily') }} WHERE n_rows > 0
), period_days AS (
  {{ period_days('days', ['M', 'Q', 'A'], to_date=True) }}
), stock_days AS (
  -- The one day of the period that each stock is taken from.
  SELECT
    freq,
    period_start,
    MAX(day) FILTER (WHERE headcount_rows > 0) AS headcount_day,
    MAX(day) FILTER (WHERE highest_hourly_pay_men_rows > 0) AS highest_hourly_pay_men_day,
    MAX(day) FILTER (WHERE highest_hourly_pay_women_rows > 0) AS highest_hourly_pay_women_day,
    MAX(day) FILTER (WHERE hourly_pay_men_rows > 0) AS hourly_pay_men_day,
    MAX(day) FILTER (WHERE hourly_pay_women_rows > 0) AS hourly_pay_women_day,
    MAX(day) FILTER (WHERE men_rows > 0) AS men_day,
    MAX(day) FILTER (WHERE women_rows > 0) AS women_day
  FROM days
  INNER JOIN period_days USING (day)
  WHERE segment = '_T' AND span = 'period'
  GROUP BY freq, period_start
), rolled_up AS (
  SELECT
    freq,
    span,
    period_start,
    segment,
    member,
    SUM(contracted_days) AS contracted_days,
    SUM(employee_days) AS employee_days,
    MAX(headcount) FILTER (WHERE span = 'period' AND day = headcount_day AND headcount_rows > 0) AS headcount,
    MAX(highest_hourly_pay_men) FILTER (WHERE span = 'period' AND day = highest_hourly_pay_men_day AND highest_hourly_pay_men_rows > 0) AS highest_hourly_pay_men,
    MAX(highest_hourly_pay_women) FILTER (WHERE span = 'period' AND day = highest_hourly_pay_women_day AND highest_hourly_pay_women_rows > 0) AS highest_hourly_pay_women,
    MAX(hourly_pay_men) FILTER (WHERE span = 'period' AND day = hourly_pay_men_day AND hourly_pay_men_rows > 0) AS hourly_pay_men,
    MAX(hourly_pay_women) FILTER (WHERE span = 'period' AND day = hourly_pay_women_day AND hourly_pay_women_rows > 0) AS hourly_pay_women,
    MAX(men) FILTER (WHERE span = 'period' AND day = men_day AND men_rows > 0) AS men,
    SUM(staffed_days) AS staffed_days,
    MAX(women) FILTER (WHERE span = 'period' AND day = women_day AND women_rows > 0) AS women
  FROM days
  INNER JOIN period_days USING (day)
  LEFT JOIN stock_days USING (freq, period_start)
  GROUP BY freq, span, period_start, segment, member
), recounted AS (
  SELECT freq, span, period_start, segment, member, employees_in_period
  FROM {{ ref('base_employee_days_recounted') }}
)
SELECT *
FROM rolled_up
  FULL OUTER JOIN recounted USING (freq, span, period_start, segment, member)
