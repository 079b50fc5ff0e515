"""What is counted of feeds and their columns, for the checks of rows and values."""
