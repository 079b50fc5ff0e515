
    
      
    

    create  table
      "warehouse"."staging"."stg_absences__dbt_tmp"
  
  (
    absence_id varchar,
    employee_id varchar,
    start_date date,
    end_date date,
    is_unplanned boolean
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_absences__dbt_tmp" 
  (
    
      
      
      absence_id ,
    
      
      
      employee_id ,
    
      
      
      start_date ,
    
      
      
      end_date ,
    
      
      
      is_unplanned 
    
  )
 (
      
    select absence_id, employee_id, start_date, end_date, is_unplanned
    from (
        with source as (

    select * from "warehouse"."raw"."absences"

),

final as (

    select
        cast(absence_id as varchar) as absence_id,
        cast(employee_id as varchar) as employee_id,
        cast(first_day as date) as start_date,
        cast(last_day as date) as end_date,
        type in ('sick', 'care_of_child') as is_unplanned
    from source

)

select * from final
    ) as model_subq
    );
  