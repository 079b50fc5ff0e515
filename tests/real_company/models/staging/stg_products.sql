-- Invoice lines describe a product in words that change from line to line; there is no list of products.
{{ not_supplied() }}
