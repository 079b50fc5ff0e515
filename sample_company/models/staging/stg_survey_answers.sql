with source as (

    select * from {{ source('raw', 'pulse_survey') }}

),

answers as (

    {% for question in ['recommend', 'proud', 'motivated', 'growth', 'trust', 'recognised', 'stay'] -%}
    select wave, employee_id, submitted_on, '{{ question }}' as question, {{ question }} as score from source
    {% if not loop.last -%} union all {%- endif %}
    {% endfor %}
),

final as (

    select
        wave || '|' || employee_id || '|' || question as answer_id,
        cast(employee_id as varchar) as employee_id,
        cast(submitted_on as date) as answer_date,
        case when question = 'recommend' then 'recommend' else 'engagement' end as question_type,
        cast(score as integer) as score
    from answers

)

select * from final
