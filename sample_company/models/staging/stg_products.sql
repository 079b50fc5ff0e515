
    
      
    

    create  table
      "warehouse"."staging"."stg_products__dbt_tmp"
  
  (
    product_id varchar,
    product_name varchar,
    product_category varchar
    
    )
 ;
    
    
    insert into "warehouse"."staging"."stg_products__dbt_tmp" 
  (
    
      
      
      product_id ,
    
      
      
      product_name ,
    
      
      
      product_category 
    
  )
 (
      
    select product_id, product_name, product_category
    from (
        with source as (

    select * from "warehouse"."raw"."products"

),

final as (

    select
        cast(product_id as varchar) as product_id,
        cast(name as varchar) as product_name,
        cast(category as varchar) as product_category
    from source

)

select * from final
    ) as model_subq
    );
  