{% macro period_days(days, freqs, to_date) -%}
    {#- Each day of `days` with every period that it counts in: freq, span, period_start, day. The span is the period
        itself, or for months the year up to the month's end and the twelve months up to it. A quarter's last month is
        there also without a day of its own. -#}
    {%- set units = {'W': 'week', 'M': 'month', 'Q': 'quarter', 'A': 'year'} -%}
    {%- for freq in freqs %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select distinct '{{ freq }}' as freq, 'period' as span, cast(date_trunc('{{ units[freq] }}', day) as date) as period_start, day
    from {{ days }}
    {%- endfor %}
    {%- if to_date %}
    union all
    select 'M' as freq, spans.span, months.period_start, each.day
    from (
        select cast(date_trunc('month', day) as date) as period_start from {{ days }}
        union
        select cast(date_trunc('quarter', day) + interval 2 month as date) as period_start from {{ days }}
    ) as months
    cross join (values ('year_to_date'), ('rolling_12_months')) as spans (span)
    inner join (select distinct day from {{ days }}) as each
        on each.day < months.period_start + interval 1 month
        and each.day >= case spans.span
            when 'year_to_date' then date_trunc('year', months.period_start)
            else months.period_start - interval 11 month
        end
    {%- endif %}
{%- endmacro %}
