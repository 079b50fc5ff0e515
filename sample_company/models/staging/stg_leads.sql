
    
      
    

    create  table
      "warehouse"."staging"."stg_leads__dbt_tmp"
  
  (
    lead_id varchar,
    lead_date date,
    channel varchar,
    country varchar,
    is_qualified boolean
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_leads__dbt_tmp" 
  (
    
      
      
      lead_id ,
    
      
      
      lead_date ,
    
      
      
      channel ,
    
      
      
      country ,
    
      
      
      is_qualified 
    
  )
 (
      
    select lead_id, lead_date, channel, country, is_qualified
    from (
        with source as (

    select * from "warehouse"."raw"."leads"

),

final as (

    select
        cast(lead_id as varchar) as lead_id,
        cast(created_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as lead_date,
        cast(channel as varchar) as channel,
        cast(country as varchar) as country,
        status = 'qualified' as is_qualified
    from source

)

select * from final
    ) as model_subq
    );
  