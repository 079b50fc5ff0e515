"""What shop, warehouse, club and support deliver: products, customers, orders, stock, tickets, customer surveys."""
