{% macro to_reporting_currency(amount, currency, rate) -%}
    {#- An amount in the company's reporting currency; NULL when a foreign amount has no rate. -#}
    cast(
        case when {{ currency }} = company.reporting_currency then {{ amount }} else {{ amount }} * {{ rate }} end
        as decimal(18, 4)
    )
{%- endmacro %}
