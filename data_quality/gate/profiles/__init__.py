"""Statistics of feeds and their columns by day, for the checks of rows and values."""
