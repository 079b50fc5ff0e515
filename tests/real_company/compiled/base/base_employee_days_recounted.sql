-- Recounted for each period of employee_days, for absence_rate, gender_pay_gap, headcount, turnover_rate.
-- Written by `kpi compile`; change the definitions, not this file.
{{ config(
    materialized='incremental', incremental_strategy='delete+insert', on_schema_change='sync_all_columns',
    unique_key=['freq', 'span', 'period_start']
) }}
{% set spans = [('M', 'period'), ('Q', 'period'), ('A', 'period'), ('M', 'year_to_date'), ('M', 'rolling_12_months')] %}
{% set members = {'_T': "'_T'", 'department': 'department_member'} %}
WITH days AS (
  SELECT day, inputs FROM {{ ref('base_employee_days_daily') }} WHERE segment = '_T' AND n_rows > 0
), period_days AS (
  {{ period_days('days', ['M', 'Q', 'A'], to_date=True) }}
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
), fact AS NOT MATERIALIZED (
  SELECT
    CAST(date_day AS DATE) AS day,
    department AS department_member,
    employee_id AS employees_in_period
  FROM {{ ref('fct_employee_days') }} AS employee_days
  WHERE CAST(date_day AS DATE) IS NOT NULL
), by_employees_in_period AS (
  -- Each employee_id once per period and member, to be counted.
  {% for freq, span in spans %}{% set outer = loop %}{% for segment, member in members.items() %}
  SELECT
    '{{ freq }}' AS freq,
    '{{ span }}' AS span,
    period_start,
    '{{ segment }}' AS segment,
    COALESCE(CAST(member AS STRING), '_U') AS member,
    COUNT(key) AS employees_in_period
  FROM (
    SELECT period_start, {{ member }} AS member, employees_in_period AS key
    FROM fact
    INNER JOIN changed_days USING (day)
    WHERE freq = '{{ freq }}' AND span = '{{ span }}'
    GROUP BY period_start, {{ member }}, employees_in_period
  ) AS keys
  GROUP BY period_start, keys.member
  {{ "UNION ALL" if not (outer.last and loop.last) }}
  {% endfor %}{% endfor %}
)
SELECT *
FROM by_employees_in_period
INNER JOIN changed USING (freq, span, period_start)
{% if is_incremental() %}UNION ALL BY NAME
-- A period that has no rows any more.
SELECT DISTINCT freq, span, period_start, '_T' AS segment, '_T' AS member
FROM {{ this }} ANTI JOIN inputs USING (freq, span, period_start)
{% endif %}
