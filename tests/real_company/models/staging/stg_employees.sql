with source as (

    select * from {{ source('raw', 'employees') }}

),

final as (

    -- One spell each: department and pay are known as they were last.
    select
        "EmpID" as employee_id,
        "DateofHire" as spell_start,
        "DateofTermination" as spell_end,
        trim("Department") as department,
        cast(null as varchar) as country,
        trim("Sex") as sex,
        -- A year of 52 weeks of 40 hours, as the extract has no hours.
        cast("Salary" / 2080.0 as decimal(18, 4)) as hourly_pay,
        -- Paid in dollars, and no rate is supplied. Called the reporting currency, as only the pay gap reads it: a
        -- share, the same in every currency. An amount of pay must not be reported from this.
        'GBP' as currency,
        cast(null as decimal(9, 4)) as fte,
        case when "DateofTermination" is not null then "TermReason" end as exit_reason
    from source

)

select * from final
