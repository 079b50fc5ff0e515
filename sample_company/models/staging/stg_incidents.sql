
    
      
    

    create  table
      "warehouse"."staging"."stg_incidents__dbt_tmp"
  
  (
    incident_id varchar,
    service varchar,
    priority varchar,
    opened_at timestamp,
    resolved_at timestamp,
    opened_date date,
    resolved_date date,
    met_sla boolean
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_incidents__dbt_tmp" 
  (
    
      
      
      incident_id ,
    
      
      
      service ,
    
      
      
      priority ,
    
      
      
      opened_at ,
    
      
      
      resolved_at ,
    
      
      
      opened_date ,
    
      
      
      resolved_date ,
    
      
      
      met_sla 
    
  )
 (
      
    select incident_id, service, priority, opened_at, resolved_at, opened_date, resolved_date, met_sla
    from (
        with source as (

    select * from "warehouse"."raw"."incidents"

),

final as (

    select
        cast(incident as varchar) as incident_id,
        cast(service as varchar) as service,
        cast(priority as varchar) as priority,
        cast(opened_at as timestamp) as opened_at,
        cast(resolved_at as timestamp) as resolved_at,
        cast(opened_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as opened_date,
        cast(resolved_at at time zone 'UTC' at time zone 'Europe/Stockholm' as date) as resolved_date,
        cast(sla_met as boolean) as met_sla
    from source

)

select * from final
    ) as model_subq
    );
  