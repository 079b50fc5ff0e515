{% macro active_on(subscription, day) -%}
    {#- Whether a subscription is active at the end of a day: one that ends on a day is active until the day before. -#}
    {{ subscription }}.start_date <= {{ day }} and coalesce({{ subscription }}.end_date, date '9999-12-31') > {{ day }}
{%- endmacro %}
