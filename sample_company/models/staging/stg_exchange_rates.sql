
    
      
    

    create  table
      "warehouse"."staging"."stg_exchange_rates__dbt_tmp"
  
  (
    rate_date date,
    currency varchar,
    rate decimal(18,8)
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_exchange_rates__dbt_tmp" 
  (
    
      
      
      rate_date ,
    
      
      
      currency ,
    
      
      
      rate 
    
  )
 (
      
    select rate_date, currency, rate
    from (
        with source as (

    select * from "warehouse"."raw"."exchange_rates"

),

final as (

    select
        cast("date" as date) as rate_date,
        cast(currency as varchar) as currency,
        cast(sek_per_unit as decimal(18, 8)) as rate
    from source

)

select * from final
    ) as model_subq
    );
  