{% macro today() -%}
    {#- The company's business day: `kpi` and Dagster set NYCKELTAL_TODAY, by the project's clock and the company's time
        zone. A `dbt` called by hand without it takes the day in UTC of NYCKELTAL_NOW or of the machine. -#}
    cast('{{ env_var("NYCKELTAL_TODAY", env_var("NYCKELTAL_NOW", run_started_at.isoformat()))[:10] }}' as date)
{%- endmacro %}
