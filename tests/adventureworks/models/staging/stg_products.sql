with products as (

    select * from {{ source('raw', 'products') }}

),

subcategories as (

    -- The keys 9 to 21 stand twice: the first line of a key counts, as later ones have other or no categories.
    select * from {{ source('raw', 'subcategories') }}
    qualify row_number() over (partition by "ProductSubcategoryKey" order by _source_line) = 1

),

categories as (

    -- Keys are the header, names the only row.
    select
        unnest(['1', '2', '3', '4']) as category_key,
        unnest(["1", "2", "3", "4"]) as category_name
    from {{ source('raw', 'categories') }}

),

final as (

    select
        products."Product-ID" as product_id,
        products."ProductName" as product_name,
        categories.category_name as product_category
    from products
    left join subcategories on products."SubcategoryKey" = subcategories."ProductSubcategoryKey"
    left join categories on subcategories."ProductCategoryKey" = categories.category_key
    where try_cast(products."Product-ID" as integer) is not null

)

select * from final
