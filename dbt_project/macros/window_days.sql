{% macro window_periods(days, spine, freqs) -%}
    {#- Every period from the first of `days` to the last, whether it has days of its own or not: freq, period_start and
        last_day. A period that isn't over yet has come as far as the last of `days` that isn't after today: a row dated
        ahead moves no window. -#}
    {%- set units = {'W': 'week', 'M': 'month', 'Q': 'quarter', 'A': 'year'} -%}
    select
        freq,
        period_start,
        case when {{ period_end('freq', 'period_start') }} < {{ today() }} then {{ period_end('freq', 'period_start') }} else newest end as last_day
    from (
        {%- for freq in freqs %}
        {%- if not loop.first %}
        union all
        {%- endif %}
        select distinct '{{ freq }}' as freq, cast(date_trunc('{{ units[freq] }}', spine.date_day) as date) as period_start, reach.newest
        from {{ spine }} as spine
        inner join (select min(day) as oldest, max(day) as newest from {{ days }} where day <= {{ today() }}) as reach
            on spine.date_day between reach.oldest and reach.newest
        {%- endfor %}
    ) as periods
{%- endmacro %}

{% macro window_days(days, spine, freqs, length, since, taken) -%}
    {#- Each of `days` with every period whose value covers it, as `period_days` gives them: the days up to the period's
        first or last day, by `taken`, no further back than `length` or the start of its `since`. For an average each
        day of a period is one of the frequency D. -#}
    select taken_on.freq, 'period' as span, taken_on.period_start, each.day
    from (
        {%- if taken == 'average' %}
        select distinct 'D' as freq, spine.date_day as period_start, spine.date_day as value_day
        from {{ spine }} as spine
        inner join ({{ window_periods(days, spine, freqs) }}) as periods
            on spine.date_day between periods.period_start and periods.last_day
        {%- else %}
        select freq, period_start, {{ 'period_start' if taken == 'first' else 'last_day' }} as value_day
        from ({{ window_periods(days, spine, freqs) }}) as periods
        {%- endif %}
    ) as taken_on
    inner join (select distinct day from {{ days }}) as each
        on each.day <= taken_on.value_day
        {%- if length %}
        and each.day > taken_on.value_day - interval {{ length }}
        {%- elif since %}
        and each.day >= date_trunc('{{ since }}', taken_on.value_day)
        {%- endif %}
{%- endmacro %}
