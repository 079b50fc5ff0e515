{% macro today() -%}
    {#- The business day of this run: the project's clock (NYCKELTAL_NOW), else the start of the invocation. -#}
    cast('{{ env_var("NYCKELTAL_NOW", run_started_at.isoformat())[:10] }}' as date)
{%- endmacro %}
