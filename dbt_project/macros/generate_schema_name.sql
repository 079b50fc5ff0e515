{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- One word per stage: the schema is the folder, without the target's prefix. -#}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
