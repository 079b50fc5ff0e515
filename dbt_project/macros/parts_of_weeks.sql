{% macro parts_of_weeks(days) -%}
    {#- Each day of `days` with the part of its week that lies in its month (freq S): freq, span, period_start, day. -#}
    select distinct
        'S' as freq, 'period' as span,
        cast(greatest(date_trunc('week', day), date_trunc('month', day)) as date) as period_start, day
    from {{ days }}
{%- endmacro %}

{% macro part_of_week_end(period_start) -%}
    {#- The last day of a part of a week. -#}
    cast(
        least(
            date_trunc('week', {{ period_start }}) + interval 7 day,
            date_trunc('month', {{ period_start }}) + interval 1 month
        ) - interval 1 day as date
    )
{%- endmacro %}
