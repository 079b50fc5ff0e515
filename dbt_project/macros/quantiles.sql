{% macro value_code(value) -%}
    {#- A whole number that is never less for a greater value, and mostly equal for values that differ by less than a
        two thousandth: sign, exponent and the first eleven bits of the mantissa of the value as a DOUBLE. -#}
    case when {{ value }} < 0 then -1 else 1 end * (cast(cast(abs(cast({{ value }} as double)) as bit) as bigint) >> 41)
{%- endmacro %}

{% macro quantile_bin(start, stop, quantiles) -%}
    {#- The bin of the values that stand from `start` to `stop` (0 to 1) in the order of all. Bins are a sixteenth wide at
        most, and a four hundredth where a quantile is. Values that stand across a bin's edge are a bin of their own: so
        is one value that many rows have. -#}
    cast({% for place in (start, stop) %}{{ '+ ' if not loop.first }}floor(16 * {{ place }})
        {%- for quantile in quantiles %} + floor(8 * ({{ place }} - {{ quantile }}) / (abs({{ place }} - {{ quantile }}) + 0.02)){% endfor %}
        {% endfor %}as integer)
{%- endmacro %}

{% macro interpolated(lower, upper, rank) -%}
    {#- The value at a rank between two neighbours, by the arithmetic of DuckDB's quantile_cont. It takes a DECIMAL for
        the whole number that it is stored as, and cuts off what is less than one: of the way from the lower neighbour,
        or of the value where it has more than 18 digits. -#}
    {%- set way = '(' ~ rank ~ ' - floor(' ~ rank ~ '))' -%}
    case
        when {{ rank }} = floor({{ rank }}) then cast({{ lower }} as double)
        when typeof({{ lower }}) not like 'DECIMAL%' then {{ lower }} * (1 - {{ way }}) + {{ upper }} * {{ way }}
        when {{ _of_type(lower, 1) }} > 18 then trunc({{ _stored(lower) }} * (1 - {{ way }}) + {{ _stored(upper) }} * {{ way }}) / pow(10, {{ _of_type(lower, 2) }})
        else ({{ _stored(lower) }} + trunc(({{ _stored(upper) }} - {{ _stored(lower) }}) * {{ way }})) / pow(10, {{ _of_type(lower, 2) }})
    end
{%- endmacro %}

{% macro _stored(value) -%}
    round(cast({{ value }} as double) * pow(10, {{ _of_type(value, 2) }}))
{%- endmacro %}

{% macro _of_type(value, part) -%}
    {#- A DECIMAL's number of digits (1), or of those behind the point (2). -#}
    try_cast(regexp_extract(typeof({{ value }}), '(\d+),(\d+)', {{ part }}) as integer)
{%- endmacro %}
