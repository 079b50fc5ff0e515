{% test unique_key(model, columns) %}
    {#- Fails for every key of several columns that stands in more than one row. -#}
    select {{ columns | join(", ") }}, count(*) as rows_of_key
    from {{ model }}
    group by {{ columns | join(", ") }}
    having count(*) > 1
{% endtest %}
