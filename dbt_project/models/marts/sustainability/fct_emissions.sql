with activities as (

    select * from {{ ref('stg_emission_activities') }}

),

factors as (

    select * from {{ ref('stg_emission_factors') }}

),

final as (

    select
        activities.activity_id,
        cast(date_trunc('month', activities.activity_month) as date) as activity_month,
        activities.site,
        'scope ' || activities.scope as scope,
        activities.activity_type,
        factors.factor_set,
        cast(activities.quantity * factors.kg_co2e_location / 1000 as decimal(18, 8)) as tonnes_location,
        cast(activities.quantity * factors.kg_co2e_market / 1000 as decimal(18, 8)) as tonnes_market
    from activities
    left join factors
        on
            activities.activity_type = factors.activity_type
            and activities.activity_month >= factors.valid_from
            and activities.activity_month < coalesce(factors.valid_to, date '9999-12-31')

)

select * from final
