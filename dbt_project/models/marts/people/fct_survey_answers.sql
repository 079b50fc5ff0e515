with answers as (

    select * from {{ ref('stg_survey_answers') }}

),

employee_days as (

    select * from {{ ref('fct_employee_days') }}

),

final as (

    select
        answers.answer_id,
        coalesce(answers.employee_id, '_U') as employee_id,
        answers.answer_date,
        employee_days.department,
        employee_days.country,
        case when answers.question_type = 'recommend' and answers.score between 0 and 10 then answers.score >= 9 end
            as is_promoter,
        case when answers.question_type = 'recommend' and answers.score between 0 and 10 then answers.score <= 6 end
            as is_detractor,
        case when answers.question_type = 'engagement' and answers.score between 1 and 5 then answers.score >= 4 end
            as is_favourable
    from answers
    left join employee_days
        on answers.employee_id = employee_days.employee_id and answers.answer_date = employee_days.date_day

)

select * from final
