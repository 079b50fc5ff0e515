"""The rules on how a company manages its KPIs. Each module here is one, named after what it finds."""
