-- Invoices name the buyer, but nothing is known of buyers as such.
{{ not_supplied() }}
