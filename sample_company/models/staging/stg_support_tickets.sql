
    
      
    

    create  table
      "warehouse"."staging"."stg_support_tickets__dbt_tmp"
  
  (
    ticket_id varchar,
    customer_id varchar,
    opened_date date,
    closed_date date,
    country varchar,
    channel varchar,
    survey_date date,
    csat_score integer
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_support_tickets__dbt_tmp" 
  (
    
      
      
      ticket_id ,
    
      
      
      customer_id ,
    
      
      
      opened_date ,
    
      
      
      closed_date ,
    
      
      
      country ,
    
      
      
      channel ,
    
      
      
      survey_date ,
    
      
      
      csat_score 
    
  )
 (
      
    select ticket_id, customer_id, opened_date, closed_date, country, channel, survey_date, csat_score
    from (
        with source as (

    select * from "warehouse"."raw"."tickets"

),

final as (

    select
        cast(ticket_id as varchar) as ticket_id,
        cast(customer_id as varchar) as customer_id,
        cast(opened_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as opened_date,
        cast(closed_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as closed_date,
        cast(country as varchar) as country,
        cast(channel as varchar) as channel,
        cast(survey_answered_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as survey_date,
        cast(survey_score as integer) as csat_score
    from source

)

select * from final
    ) as model_subq
    );
  