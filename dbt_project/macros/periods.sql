{% macro time_period(freq, period_start) -%}
    {#- The SDMX code of a period: 2026-W48, 2026-11, 2026-Q4, 2026. -#}
    case {{ freq }}
        when 'W' then strftime({{ period_start }}, '%G-W%V')
        when 'M' then strftime({{ period_start }}, '%Y-%m')
        when 'Q' then strftime({{ period_start }}, '%Y') || '-Q' || quarter({{ period_start }})
        when 'A' then strftime({{ period_start }}, '%Y')
    end
{%- endmacro %}

{% macro period_end(freq, period_start) -%}
    {#- The last day of a period. -#}
    cast(
        case {{ freq }}
            when 'W' then {{ period_start }} + interval 7 day
            when 'M' then {{ period_start }} + interval 1 month
            when 'Q' then {{ period_start }} + interval 3 month
            when 'A' then {{ period_start }} + interval 1 year
        end - interval 1 day as date
    )
{%- endmacro %}
