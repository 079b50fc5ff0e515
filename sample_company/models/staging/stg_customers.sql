
    
      
    

    create  table
      "warehouse"."staging"."stg_customers__dbt_tmp"
  
  (
    customer_id varchar,
    country varchar,
    customer_type varchar,
    created_date date
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_customers__dbt_tmp" 
  (
    
      
      
      customer_id ,
    
      
      
      country ,
    
      
      
      customer_type ,
    
      
      
      created_date 
    
  )
 (
      
    select customer_id, country, customer_type, created_date
    from (
        with source as (

    select * from "warehouse"."raw"."customers"

),

final as (

    select
        cast(customer_id as varchar) as customer_id,
        cast(country as varchar) as country,
        cast(type as varchar) as customer_type,
        cast(created_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as created_date
    from source

)

select * from final
    ) as model_subq
    );
  