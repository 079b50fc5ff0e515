
    
      
    

    create  table
      "warehouse"."staging"."stg_web_sessions__dbt_tmp"
  
  (
    session_date date,
    channel varchar,
    country varchar,
    sessions bigint,
    engaged_sessions bigint,
    page_views bigint,
    conversions bigint
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_web_sessions__dbt_tmp" 
  (
    
      
      
      session_date ,
    
      
      
      channel ,
    
      
      
      country ,
    
      
      
      sessions ,
    
      
      
      engaged_sessions ,
    
      
      
      page_views ,
    
      
      
      conversions 
    
  )
 (
      
    select session_date, channel, country, sessions, engaged_sessions, page_views, conversions
    from (
        with source as (

    select * from "warehouse"."raw"."sessions"

),

final as (

    select
        cast(session_date as date) as session_date,
        cast(channel as varchar) as channel,
        cast(country as varchar) as country,
        cast(sessions as bigint) as sessions,
        cast(engaged_sessions as bigint) as engaged_sessions,
        cast(page_views as bigint) as page_views,
        cast(conversions as bigint) as conversions
    from source

)

select * from final
    ) as model_subq
    );
  