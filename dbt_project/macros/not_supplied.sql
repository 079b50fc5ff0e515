{% macro not_supplied() -%}
    {#- An empty relation with the columns of this model's contract, for an entity that a company lacks. -#}
    select
        {%- for column in model.columns.values() %}
        cast(null as {{ column.data_type }}) as {{ column.name }}{{ "," if not loop.last }}
        {%- endfor %}
    where false
{%- endmacro %}
